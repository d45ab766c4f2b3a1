"""Save images, each labelled by a Remarque registry before it reaches the output folder, or not at all.

The graph of a workflow is saved into pictures and shared: so the registry's address and key come from the environment
or from ``remarque.json`` beside this file, and never from an input of the node.
"""

import json
import logging
import sys
from pathlib import Path

import folder_paths
import numpy as np
from PIL import Image

from remarque.client import Client, advice, read_access, write_whole
from remarque.errors import RemarqueError

CONFIG = Path(__file__).with_name("remarque.json")

#: The suffix of each format, and how it is written. 4 is the compression of the host's own node.
FORMATS = {
    "png": {"compress_level": 4},
    "webp": {"quality": 95, "method": 4},
    "jpeg": {"quality": 95},
}
#: Where the host keeps a graph in WebP, and looks for it when such a picture is dropped on the canvas.
_EXIF_PROMPT, _EXIF_EXTRA = 0x0110, 0x010F


class NotLabelled(Exception):
    """An image could not be labelled and was not saved; the message says why, and what to do."""


class SaveLabelledImage:
    """In the place of Save Image: the same names, the same folder, every image labelled."""

    CATEGORY = "image"
    DESCRIPTION = "Saves images with a signed label that says that AI made them. Saves nothing that is not labelled."
    FUNCTION = "save"
    OUTPUT_NODE = True
    RETURN_TYPES = ()

    @classmethod
    def INPUT_TYPES(cls):
        text = {"default": ""}
        return {
            "required": {
                "images": ("IMAGE", {"tooltip": "The images to label and save."}),
                "filename_prefix": ("STRING", {"default": "ComfyUI", "tooltip": "As in Save Image."}),
                "system": ("STRING", {"default": "ComfyUI", "tooltip": "The system that the label names."}),
            },
            "optional": {
                "system_version": ("STRING", {**text, "tooltip": "Its version, or the model. Empty: not said."}),
                "provider": ("STRING", {**text, "tooltip": "Who offers the system. Empty: not said."}),
                "digital_source_type": (
                    ["trainedAlgorithmicMedia", "compositeWithTrainedAlgorithmicMedia"],
                    {"tooltip": "The second one where AI changed a part of a picture that was there before."},
                ),
                "format": (list(FORMATS), {"tooltip": "JPEG cannot hold the workflow."}),
                "keep_workflow": (
                    "BOOLEAN",
                    {"default": True, "tooltip": "Keep the workflow, with its prompts, in the file."},
                ),
            },
            "hidden": {"prompt": "PROMPT", "extra_pnginfo": "EXTRA_PNGINFO"},
        }

    def save(
        self,
        images,
        filename_prefix="ComfyUI",
        system="ComfyUI",
        system_version="",
        provider="",
        digital_source_type="trainedAlgorithmicMedia",
        format="png",
        keep_workflow=True,
        prompt=None,
        extra_pnginfo=None,
    ):
        """Label and save a batch, in order. Raises NotLabelled at the first image that cannot be; those before stay."""
        height, width = images[0].shape[:2]
        folder, name, counter, subfolder, _ = folder_paths.get_save_image_path(
            filename_prefix, folder_paths.get_output_directory(), width, height
        )
        wish = {
            "system": system,
            "system_version": system_version or None,
            "provider": provider or None,
            "digital_source_type": digital_source_type,
        }
        graph = _graph(prompt, extra_pnginfo) if keep_workflow and not _metadata_is_off() else {}
        saved, warnings = [], set()
        try:
            with Client(*read_access(CONFIG)) as client:
                for number, image in enumerate(images):
                    picture = _with_graph(_picture(image), graph, format)
                    labelled = client.stamp_image(picture, format=format, encoding=FORMATS[format], **wish)
                    file = f"{name.replace('%batch_num%', str(number))}_{counter + number:05}_.{format}"
                    write_whole(Path(folder, file), labelled.data)
                    saved.append({"filename": file, "subfolder": subfolder, "type": "output"})
                    warnings.update(labelled.warnings)
        except (RemarqueError, OSError) as error:
            raise NotLabelled(_told(error, len(saved), len(images))) from error
        if warnings:
            logging.getLogger("remarque").warning("labelled, with warnings: %s", ", ".join(sorted(warnings)))
        return {"ui": {"images": saved}}


def _picture(image) -> Image.Image:
    """A tensor (height, width, channels), 0..1, as a picture: the pixels that the host's own node would save."""
    pixels = np.clip(255.0 * image.cpu().numpy(), 0, 255).astype(np.uint8)
    return Image.fromarray(pixels[:, :, 0] if pixels.shape[2] == 1 else pixels)


def _graph(prompt, extra) -> dict[str, str]:
    """What the host writes into pictures: the prompt's graph, and for instance the workflow; JSON each."""
    told = {} if prompt is None else {"prompt": prompt}
    return {key: json.dumps(value) for key, value in {**told, **(extra or {})}.items()}


def _with_graph(picture: Image.Image, graph: dict[str, str], format: str) -> Image.Image:
    """The picture with the graph where the host looks for it: text in PNG, EXIF in WebP, nowhere in JPEG."""
    if format == "png":
        picture.info.update(graph)
    elif format == "webp" and graph:
        exif, tag = Image.Exif(), _EXIF_EXTRA
        for key, value in graph.items():
            if key == "prompt":
                exif[_EXIF_PROMPT] = f"prompt:{value}"
            else:
                exif[tag] = f"{key}:{value}"
                tag -= 1
        picture.info["exif"] = exif.tobytes()
    return picture


def _metadata_is_off() -> bool:
    """Whether the host was started with --disable-metadata. Looked up, not imported: it may be called otherwise."""
    arguments = getattr(sys.modules.get("comfy.cli_args"), "args", None)
    return bool(getattr(arguments, "disable_metadata", False))


def _told(error: Exception, done: int, count: int) -> str:
    """Why, what to do, and what became of the others."""
    reason = f"Image {done + 1} of {count} was not labelled, and so it was not saved: {str(error).rstrip('.')}."
    others = f"The {done} before it are saved and labelled." if done else ""
    return " ".join(filter(None, (reason, advice(error), others)))
