"""Torchvision's own download of the sample weights, run as a process of its own.

``python -m interp_gui.samples.download`` puts them into torch's hub cache and ends with 0, or
ends with 1 and the reason on standard error.
"""

import sys

from interp_gui.samples.mobilenet import FILE_NAME, SHA256_START, hub_folder


def main() -> int:
    """Download, check the hash, and keep the file."""
    import torch
    from torchvision.models import MobileNet_V2_Weights

    path = hub_folder() / "checkpoints" / FILE_NAME
    url = MobileNet_V2_Weights.IMAGENET1K_V1.url
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        torch.hub.download_url_to_file(url, str(path), hash_prefix=SHA256_START, progress=False)
    except (OSError, RuntimeError) as problem:
        sys.stderr.write(" ".join(str(problem).split()) + "\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
