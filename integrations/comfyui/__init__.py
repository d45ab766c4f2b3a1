"""A ComfyUI node that saves images with a label that says that AI made them. See README.md."""

from .save_labelled import SaveLabelledImage

NODE_CLASS_MAPPINGS = {"RemarqueSaveLabelledImage": SaveLabelledImage}
NODE_DISPLAY_NAME_MAPPINGS = {"RemarqueSaveLabelledImage": "Save Labelled Image (Remarque)"}

__all__ = ["NODE_CLASS_MAPPINGS", "NODE_DISPLAY_NAME_MAPPINGS"]
