"""Messages: codes with values, stored in run files and shown as sentences.

A message is a plain dict such as `{"code": "training_images", "count": 60000}`. `ENGLISH` holds the
sentence of every code as a format string; each report language has a table of the same keys.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

Message = dict[str, Any]  # "code", and the values in its sentence

ENGLISH = {
    "text": "{text}",  # any other sentence, shown unchanged
    # held-out images
    "test_files": "the test files",
    "heldout_by_hash": "{percent:g} % by content hash",
    "heldout_none": "none, all images are trained on (data.all_images)",
    "heldout_too_few": "none, fewer than {fewest} images",
    # notes on a data set
    "labels_missing": "no labels, because no label file belongs to {file}",
    "labels_from_table": "classes from {file}, column {column}; data.labels=file:COLUMN names another column",
    "labels_from_json": "classes from {file}",
    "labels_vectors": "no labels, because those in {file} are vectors and not classes",
    "labels_conflict": "no labels, because {file} gives some images several values of {column}",
    "labels_choice": "no labels, because {file} has several columns ({columns}); to learn one of them, set "
    "data.labels=file:COLUMN",
    "labels_incomplete": "no labels, because only {count:,} of {total:,} images have one",
    "labels_unused": "{count:,} of {total:,} images have a label; data.labels=true learns these alone",
    "unlabeled_left_out": "left out without a label: {count:,}, such as {name}",
    "test_folders": "the images in {folders} are held out",
    "masks_left_out": "left out as masks: {count:,} in {folders}; to train on them, pass that folder",
    "mask_files_left_out": "left out as masks of the images beside them: {count:,}, such as {name}",
    "strays_left_out": "left out, because not in a class folder: {names}",
    "numbered_folders": "the folders {folders} are taken for numbered parts, not for classes",
    # real images of an evaluation
    "training_images": "{count:,} training images",
    "half_of_training": "{count:,} training images, one half of them",
    "other_half_of_training": "{count:,} training images, the other half",
    "test_images": "{count:,} test images, none of them in the reference",
    "heldout_images": "{count:,} held-out images, none of them in the reference",
    # how images are sampled
    "generator_pass": "one pass of the generator",
    "sampler": "{sampler}, {steps:d} steps",
    "sampler_guided": "{sampler}, {steps:d} steps, guidance {guidance:g}",
    "sampler_autoguided": "{sampler}, {steps:d} steps, guidance {guidance:g} away from {guide}",
    "sampler_guided_twice": "{sampler}, {steps:d} steps, guidance {guidance:g} and "
    "{guide_scale:g} away from {guide}",
    "classifier_guided": "{drawn}, classifier guidance {scale:g}",
    "student_once": "student, 1 evaluation",
    "student": "student, {count:d} evaluations",
    # why a feature network was chosen
    "network_requested": "as requested",
    "network_digits": "the digit classifier is sure of {share:.0%} of the reference",
    "network_color": "the reference is in color, so an encoder is trained on it",
    "network_no_digits": "the reference holds no digits, so an encoder is trained on it",
    # notes on an evaluation
    "n_available": "n is {n:d} instead of {usual:d}: there are only {n:d} images",
    "n_reference": "n lowered from {asked:d} to {n:d}: there are only {n:d} reference images",
    "n_floor": "n lowered from {asked:d} to {n:d}: only {n:d} real images are not in the reference",
    "broken_image": "1 broken image is left out: {name} {reason}",
    "broken_images": "{count:d} broken images are left out: {name} {reason}, …",
    "images_changed": "the images at {path} have changed since the training",
    "heldout_trained_on": "the held-out images were also used for training (data.all_images)",
    "likelihood_images": "{count:d} held-out images",
    # verdicts
    "not_distinguishable": "not distinguishable at n={n:d}",
    "better": "{label} is better",
    "best": "{label} is best",
    "better_than": "{label} is better than {beaten}; not distinguishable from {level} at n={n:d}",
    "measured_once": "only {label} has this measurement",
    "too_few_answers": "too few answers to tell (fewer than {fewest:d} pictures of an entry)",
    "no_answers": "no answers",
    # warnings of a training
    "memorization_gap": "memorization begins: the loss on held-out images is {gap:.0%} above that on "
    "as many training images ({errors:.1f} standard errors)",
    "memorization_copies": "memorization begins: {share:.0%} of the images sampled are copies of training "
    "images (their distance to the nearest is less than a third of that to the second nearest)",
    "generator_collapsed": "the generator has collapsed: the generated images are nearly copies of one "
    "another (their diversity is {value:.0%} of the real images')",
    "discriminator_unfooled": "the discriminator is never fooled (its mean probability that a generated "
    "image is real is {value:.2%}), so the generator hardly learns from it",
    "training_recovered": "{fault}; the run went back to step {step:d} and continues {change}",
    "not_finite": "At step {step:d} the {quantity} became {value}",
    "not_finite_tensor": "At step {step:d} {tensor} holds numbers that are not finite",
    "out_of_memory": "At step {step:d} the memory ran out",
    "half_rate": "at half the learning rate",
    "smaller_micro_batches": "with micro-batches of {size:d} (training.accumulate={accumulate:d}), which "
    "changes the result by rounding only",
    # the sampler lab's choice
    "default_changed": "{run} samples like this by default from now on",
    "default_kept": "{run} keeps its default; sample like this with: {command}",
    "default_command": "sample like this with: {command}",
}

FIXES = {  # what to do about a warning, by its code
    "memorization_gap": "in a new run (another --out) use more images, data.augment=0.15, "
    "network.dropout=0.1, a smaller network.channels, or stop earlier with fewer --steps",
    "generator_collapsed": "if it does not recover, train again with a lower training.learning_rate, or a "
    "larger training.batch_size, and another --out",
    "discriminator_unfooled": "if it persists, train again with gan.label_smoothing=0.2, a lower "
    "training.learning_rate or more images, and another --out",
}
FIXES["memorization_copies"] = FIXES["memorization_gap"]


def message(code: str, **values: Any) -> Message:
    """Return the message of `code`. KeyError for a code without an English sentence."""
    ENGLISH[code]
    return {"code": code, **values}


def sentence(value: Any, table: Mapping[str, str] = ENGLISH, separator: str = ", ") -> str:
    """Return a message's sentence from a language's `table`, else from `ENGLISH`.

    Nested messages and lists are formatted first. Run files are untrusted: anything else, and a message
    that lacks values of its sentence, is shown unchanged.
    """
    if isinstance(value, list | tuple):
        return separator.join(sentence(item, table, separator) for item in value)
    if not isinstance(value, Mapping):
        return "" if value is None else str(value)
    code = str(value.get("code"))
    values = {
        key: sentence(item, table, separator) if isinstance(item, Mapping | list) else item
        for key, item in value.items()
    }
    try:
        return (table.get(code) or ENGLISH[code]).format(**values)
    except (KeyError, ValueError, TypeError):
        return ", ".join(str(value) for value in values.values())


def warning_text(warning: Message) -> str:
    """Return a warning's English sentence and what to do about it."""
    fix = FIXES.get(str(warning.get("code")))
    return sentence(warning) + (f". Fix: {fix}." if fix else "")


def join_sentences(messages: Iterable[Message]) -> str:
    """Return the English sentences of several messages, joined by semicolons; "" for none."""
    return "; ".join(map(sentence, messages))
