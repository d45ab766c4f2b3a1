"""What image generators leave in files, and how it is recognised.

Two questions are answered here. Does a text show that a generator wrote it (``of_chunks``, ``of_fields``)? Such a trace
says AI. And does a text give away how the picture was made: prompt, settings, graph (``is_recipe``, ``leaking``)? That
is what its maker may want to keep. The bare name of a generator is a trace and no recipe. GB 45438's implicit label is
neither: it is a label.
"""

import json
import re
from collections.abc import Iterable, Mapping
from typing import Any

#: AUTOMATIC1111 and its forks end their parameters with such a line; Fooocus can write the same. One line is looked at
#: once: across lines, a text of many such beginnings would take time with the square of its length.
_PARAMETERS = re.compile(r"(?:^|\n)Steps: \d+, .*?(?:Sampler|CFG scale|Seed): ")
#: Midjourney puts the prompt into Description and ends it with the number of the job.
_JOB = re.compile(r"\bJob ID: [0-9a-f]{8}-[0-9a-f]{4}-")
#: Names with which generators sign EXIF Software or PNG Software; compared with the beginning.
_GENERATORS = ("NovelAI", "Fooocus v", "ComfyUI", "InvokeAI", "Stable Diffusion", "AUTOMATIC1111")
#: InvokeAI's keywords, old to new.
_INVOKE = ("invokeai_metadata", "invokeai_graph", "invokeai_workflow", "sd-metadata", "Dream")
#: Keywords of PNG text that nothing but a recipe is written under.
_RECIPE_KEYWORDS = frozenset({"parameters", "prompt", "negative_prompt", "workflow", "fooocus_scheme", *_INVOKE})
#: NovelAI spreads its recipe over keywords that others use as well; Source then names the model.
_NOVELAI_KEYWORDS = frozenset({"Title", "Description", "Software", "Source", "Generation time", "Comment"})
_NOVELAI_MODELS = ("Stable Diffusion", "NovelAI Diffusion")
#: Names in the JSON of Fooocus, InvokeAI, NovelAI (``uc``) and SwarmUI that stand beside or around a prompt.
_PROMPT_NAMES = frozenset({"prompt", "positive_prompt", "negative_prompt", "uc", "sui_image_params", "class_type"})
#: ComfyUI's WebP nodes put their JSON into fields meant for the camera, behind a name and a colon.
_NAMED_JSON = re.compile(r"\s*(\w+):\s*(?=\{)")
_CAMERA_FIELDS = ("Make", "Model", "ImageDescription", "DocumentName")


def of_chunks(chunks: Mapping[str, str]) -> dict[str, str]:
    """Return the traces in PNG text: keyword, and what it is."""
    traces = {}
    if is_parameters(chunks.get("parameters", "")) or "fooocus_scheme" in chunks:
        traces["parameters"] = "generation parameters as AUTOMATIC1111 or Fooocus write them"
    for key in ("prompt", "workflow"):
        if is_graph(chunks.get(key, ""), key):
            traces[key] = "a ComfyUI graph"
    for key in _INVOKE:
        if key in chunks:
            traces[key] = "a keyword of InvokeAI"
    if is_generator(chunks.get("Software", "")):
        traces["Software"] = "the name of a generator"
    return traces


def of_fields(fields: Mapping[str, str]) -> dict[str, str]:
    """Return the traces in EXIF fields (see ``exif.read``): name, and what it is."""
    traces = {}
    if is_parameters(fields.get("UserComment", "")):
        traces["UserComment"] = "generation parameters as AUTOMATIC1111 writes them"
    if is_generator(fields.get("Software", "")):
        traces["Software"] = "the name of a generator"
    for name in _CAMERA_FIELDS:
        text = fields.get(name, "")
        if is_graph(text, "prompt") or is_graph(text, "workflow"):
            traces[name] = "a ComfyUI graph"
    return traces


def leaking(chunks: Iterable[tuple[str, str]]) -> frozenset[str]:
    """Return the keywords of PNG text to be removed, so that neither a trace nor a recipe stays."""
    pairs = list(chunks)
    found = {key for key, text in pairs if key in _RECIPE_KEYWORDS or is_recipe(text)}
    found |= {key for key, text in pairs if key == "Software" and is_generator(text)}
    if any(
        (key == "Software" and text.startswith("NovelAI")) or (key == "Source" and text.startswith(_NOVELAI_MODELS))
        for key, text in pairs
    ):
        found |= _NOVELAI_KEYWORDS
    elif "Comment" in found:
        found.add("Description")  # the prompt once more
    return frozenset(found & {key for key, _ in pairs})


def is_recipe(text: str) -> bool:
    """Whether a text of any origin holds parameters, a prompt among its settings, or a graph."""
    if is_parameters(text) or _JOB.search(text):
        return True
    settings = _object(text)
    return bool(_PROMPT_NAMES & settings.keys()) or is_graph(text, "prompt") or is_graph(text, "workflow")


def is_parameters(text: str) -> bool:
    """Whether ``text`` is what AUTOMATIC1111 writes: prompts, then a line of settings."""
    return _PARAMETERS.search(text) is not None


def is_generator(text: str) -> bool:
    """Whether ``text`` begins with the name of a generator."""
    return text.startswith(_GENERATORS)


def is_graph(text: str, key: str) -> bool:
    """Whether ``text`` is ComfyUI's graph: nodes with a class_type (prompt), or a list of typed nodes (workflow)."""
    graph = _object(text)
    if key == "workflow":
        nodes = graph.get("nodes")
        return isinstance(nodes, list) and any(isinstance(node, dict) and "type" in node for node in nodes)
    return any(isinstance(node, dict) and "class_type" in node for node in graph.values())


def _object(text: str) -> dict[str, Any]:
    """The JSON object that ``text`` is, alone or behind a name and a colon; else an empty one."""
    named = _NAMED_JSON.match(text)
    text = text[named.end() :] if named else text
    if not text.lstrip().startswith("{"):
        return {}
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}
