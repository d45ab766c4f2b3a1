"""Label what a diffusers pipeline makes, before anybody else sees it.

    pip install remarque diffusers torch
    export REMARQUE_REGISTRY=https://registry.example REMARQUE_KEY=rmq_…
    python examples/diffusers_pipeline.py stabilityai/sdxl-turbo "a boat at dawn" boat

A pipeline has no hook where files are written: it returns pictures, and the caller saves them. So the pipeline is
wrapped, and what comes out are the bytes of labelled files. There is no way through it to a picture without a label.
"""

import argparse
import os
from pathlib import Path
from typing import Any

from remarque.client import Client, Labelled, LabelWish


class LabellingPipeline:
    """A pipeline whose pictures come out as labelled files.

    ``pipe`` is any pipeline of diffusers that returns ``.images``; ``system`` is named by the label, the pipeline's
    model by default. More of ``Client.label`` may be given: ``provider``, ``preferences`` … The prompt is written only
    with ``include_prompt=True``.
    """

    def __init__(
        self,
        pipe: Any,
        client: Client,
        *,
        system: str | None = None,
        format: str = "PNG",
        include_prompt: bool = False,
        **wish: Any,
    ) -> None:
        self._pipe, self._client = pipe, client
        self._format, self._include_prompt = format, include_prompt
        self._wish: LabelWish = {"system": system or pipe.config._name_or_path, **wish}

    def __call__(self, *args: Any, **kwargs: Any) -> list[Labelled]:
        """Make pictures and label each of them. Raises the errors of the client; then none is returned."""
        if kwargs.get("output_type", "pil") != "pil" or not kwargs.get("return_dict", True):
            raise ValueError("labels are written into pictures: leave output_type and return_dict as they are")
        wish = self._wish
        if self._include_prompt:
            prompt = args[0] if args else kwargs["prompt"]
            if not isinstance(prompt, str):
                raise ValueError("several prompts in one call: it is not known which picture each of them made")
            wish = {**wish, "prompt": prompt}
        images = self._pipe(*args, **kwargs).images
        return [self._client.stamp_image(image, format=self._format, **wish) for image in images]


def main() -> None:
    """Make pictures of a prompt and write the labelled files."""
    parser = argparse.ArgumentParser(description="Make labelled pictures.")
    parser.add_argument("model")
    parser.add_argument("prompt")
    parser.add_argument("out", help="the pictures become OUT-0.png, OUT-1.png …")
    asked = parser.parse_args()

    from diffusers import DiffusionPipeline

    with Client(os.environ["REMARQUE_REGISTRY"], os.environ["REMARQUE_KEY"]) as client:
        pipe = LabellingPipeline(DiffusionPipeline.from_pretrained(asked.model), client)
        for number, labelled in enumerate(pipe(asked.prompt)):
            Path(f"{asked.out}-{number}.png").write_bytes(labelled.data)


if __name__ == "__main__":
    main()
