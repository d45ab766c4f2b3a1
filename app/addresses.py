"""Where things of this registry can be read, below its address."""


def label_page(base_url: str, label_id: str) -> str:
    """The public record of a label."""
    return f"{base_url}/v1/labels/{label_id}"


def manifest_address(base_url: str, manifest_id: str) -> str:
    """The manifest store of a label, by its URN or the label's id."""
    return f"{base_url}/c2pa/manifests/{manifest_id}"
