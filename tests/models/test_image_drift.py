"""Images by class, and their drift in the features of a teacher."""

from collections.abc import Callable

import torch

from ddpm.diffusion.drifting import drifting_loss
from ddpm.models.ddpm import Ddpm
from ddpm.models.image_drift import COMPARED_TIMES, class_groups, image_drifting_loss
from ddpm.models.teacher_features import teacher_features

MakeDdpm = Callable[..., Ddpm]


def test_images_are_grouped_by_class_and_small_classes_repeat() -> None:
    images = torch.arange(6.0).reshape(6, 1, 1, 1)
    groups, classes = class_groups(images, torch.tensor([2, 0, 2, 2, 5, 0]))
    assert classes is not None and classes.tolist() == [0, 2, 5]
    assert groups.flatten(1).tolist() == [[1, 5], [0, 2], [4, 4]]


def test_without_labels_all_images_are_one_group() -> None:
    images = torch.rand(5, 1, 2, 2)
    groups, classes = class_groups(images, None)
    assert classes is None and torch.equal(groups, images[None])


def test_the_drift_is_the_sum_over_features_at_one_noise_level(small_ddpm: MakeDdpm) -> None:
    teacher = small_ddpm(classes=3, awake=True)
    generator = torch.Generator().manual_seed(0)
    generated = torch.randn((2, 3, 1, 8, 8), generator=generator)
    real = torch.randn((2, 4, 1, 8, 8), generator=generator)
    classes = torch.tensor([0, 2])
    found = image_drifting_loss(teacher, generated, real, classes, torch.Generator().manual_seed(1))

    again = torch.Generator().manual_seed(1)
    t = int(COMPARED_TIMES * len(teacher.schedule) * float(torch.rand((), generator=again)) ** 2)
    real_noise = torch.randn((8, 1, 8, 8), generator=again)
    noise = torch.randn((6, 1, 8, 8), generator=again)
    theirs = teacher_features(
        teacher, real.flatten(0, 1), torch.full((8,), t), real_noise, classes.repeat_interleave(4)
    )
    mine = teacher_features(
        teacher, generated.flatten(0, 1), torch.full((6,), t), noise, classes.repeat_interleave(3)
    )
    for group in (0, 1):
        expected = torch.zeros(3)
        for g, r in zip(mine, theirs, strict=True):
            own, others = g[:, 3 * group : 3 * group + 3], r[:, 4 * group : 4 * group + 4]
            expected += drifting_loss(own, others).loss.mean(0)
        torch.testing.assert_close(found.loss[group], expected)
