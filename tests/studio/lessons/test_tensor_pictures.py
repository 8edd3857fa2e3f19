"""Pictures and numbers of tensors."""

import base64
import io

import numpy as np
import pytest
import torch
from PIL import Image

from ddpm.studio.lessons.tensor_pictures import Pixel, data_url, min_max_url, tensor_panel


def decode(url):
    return np.asarray(Image.open(io.BytesIO(base64.b64decode(url.split(",", 1)[1]))))


def test_gray_and_color_pixels_survive():
    gray = torch.tensor([[[-1.0, 1.0], [0.0, 3.0]]])
    assert decode(data_url(gray)).tolist() == [[0, 255], [128, 255]]
    color = torch.stack([torch.full((2, 2), value) for value in (-1.0, 0.0, 1.0)])
    assert decode(data_url(color))[0, 0].tolist() == [0, 128, 255]


def test_scale_is_the_value_shown_as_white():
    assert decode(data_url(torch.tensor([[[3.0, -3.0]]]), scale=3)).tolist() == [[255, 0]]


def test_min_max_reaches_black_and_white_for_any_range():
    assert decode(min_max_url(torch.tensor([[[0.1, 0.2]]]))).tolist() == [[0, 255]]
    assert decode(min_max_url(torch.full((1, 1, 2), 0.5))).tolist() == [[0, 0]]


def test_numbers_are_those_of_the_tensor():
    x = torch.arange(6.0).view(1, 2, 3)
    panel = tensor_panel(x, Pixel(1, 2), scale=5)
    assert (panel["value"], panel["low"], panel["high"], panel["mean"]) == (5, 0, 5, 2.5)
    assert panel["std"] == pytest.approx(np.arange(6).std())
