"""The words of labels: IPTC digital source types, what they say about AI, and CAWG's training entries."""

from enum import StrEnum

from remarque.preferences import Category, Preference

#: IPTC NewsCodes, "Digital Source Type" (C2PA 2.4 and Iptc4xmpExt:DigitalSourceType use the same URIs).
SOURCE_TYPE_BASE = "http://cv.iptc.org/newscodes/digitalsourcetype/"

TRAINED = "trainedAlgorithmicMedia"
COMPOSITE = "compositeWithTrainedAlgorithmicMedia"

#: What a label may say, and what counts as saying AI when it is read: nothing here claims a camera or a human hand.
LABEL_TYPES = frozenset({TRAINED, COMPOSITE, "compositeSynthetic", "algorithmicMedia"})

#: The types that rule a generator out. Left out on purpose, since they may show anything: composite, print,
#: screenCapture, virtualRecording, algorithmicallyEnhanced, dataDrivenMedia, softwareImage, empty.
EXCLUDING_TYPES = frozenset(
    {
        "digitalCapture",
        "computationalCapture",
        "compositeCapture",
        "negativeFilm",
        "positiveFilm",
        "digitalCreation",
        "digitalArt",
        "humanEdits",
        "minorHumanEdits",
    }
)

#: What a source type says, as the rest of "… states that the picture ___"; the meaning is IPTC's definition.
IN_WORDS = {
    TRAINED: "was made by AI",
    COMPOSITE: "contains parts made by AI",
    "compositeSynthetic": "contains parts made by AI",
    "algorithmicMedia": "was made by an algorithm",
    "digitalCapture": "was taken with a digital camera",
    "computationalCapture": "was taken with a digital camera and computed from what it saw",
    "compositeCapture": "was put together from camera pictures",
    "negativeFilm": "was digitised from film",
    "positiveFilm": "was digitised from film",
    "digitalCreation": "was made by a person with tools that are not generative",
    "digitalArt": "was made by a person with digital tools",
    "humanEdits": "was edited by a person with tools that are not generative",
    "minorHumanEdits": "was edited a little by a person with tools that are not generative",
}

#: CAWG training-and-data-mining assertion 1.1. `search` is no CAWG entry.
CAWG_ENTRIES = {
    Category.AI_GENERATIVE_TRAINING: "cawg.ai_generative_training",
    Category.AI_TRAINING: "cawg.ai_training",
    Category.AI_INFERENCE: "cawg.ai_inference",
    Category.DATA_MINING: "cawg.data_mining",
}
CAWG_USES = {
    Preference.ALLOWED: "allowed",
    Preference.DISALLOWED: "notAllowed",
    Preference.CONSTRAINED: "constrained",
}


class Statement(StrEnum):
    """What a layer says about the origin of a picture."""

    AI = "ai"
    POSSIBLY_AI = "possibly_ai"
    NOT_AI = "not_ai"
    NOTHING = "nothing"


def source_type_uri(term: str) -> str:
    """Return the URI of a term."""
    return SOURCE_TYPE_BASE + term


def source_type_term(text: str) -> str:
    """Return the term of a URI (http or https, any case of the term) or of a bare term; other text as it is."""
    last = text.strip().rstrip("/").rsplit("/", 1)[-1].rsplit(":", 1)[-1]
    known = {term.lower(): term for term in LABEL_TYPES | EXCLUDING_TYPES}
    return known.get(last.lower(), last)


def statement_of(term: str) -> Statement:
    """Return what a source type says about AI."""
    if term in LABEL_TYPES:
        return Statement.AI
    return Statement.NOT_AI if term in EXCLUDING_TYPES else Statement.NOTHING
