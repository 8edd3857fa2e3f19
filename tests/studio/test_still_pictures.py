"""Still pictures of animations."""

from __future__ import annotations

import io

import pytest
from PIL import Image

from ddpm.studio.refusals import RefusalError
from ddpm.studio.still_pictures import last_frame


def gif(*grays: int) -> bytes:
    """Return an animation of gray pictures."""
    first, *others = (Image.new("L", (4, 3), gray) for gray in grays)
    buffer = io.BytesIO()
    first.save(buffer, "GIF", save_all=True, append_images=others, duration=100, loop=0)
    return buffer.getvalue()


@pytest.mark.parametrize("grays", [(7,), (0, 90, 200)])
def test_the_last_frame_stands_still(grays: tuple[int, ...]) -> None:
    with Image.open(io.BytesIO(last_frame(gif(*grays)))) as picture:
        assert (picture.format, picture.size) == ("PNG", (4, 3))
        assert not getattr(picture, "is_animated", False)
        assert picture.convert("L").getpixel((0, 0)) == grays[-1]


@pytest.mark.parametrize("content", [b"", b"GIF89a", b"\x89PNG\r\n\x1a\n", gif(0, 90)[:40]])
def test_what_is_no_animation_is_not_found(content: bytes) -> None:
    with pytest.raises(RefusalError) as error:
        last_frame(content)
    assert error.value.status == 404
