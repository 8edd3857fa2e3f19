"""`ddpm bundle`: the zip to hand in, written or checked."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ddpm.lazy import lazy_getattr

if TYPE_CHECKING:
    from ddpm.commands.bundle.check import Finding as Finding
    from ddpm.commands.bundle.check import check_files as check_files
    from ddpm.commands.bundle.hand_in_archive import LARGEST as LARGEST
    from ddpm.commands.bundle.hand_in_archive import MOST_FILES as MOST_FILES
    from ddpm.commands.bundle.hand_in_archive import HandInError as HandInError
    from ddpm.commands.bundle.hand_in_archive import read_hand_in as read_hand_in
    from ddpm.commands.bundle.names import README as README
    from ddpm.commands.bundle.names import SETS as SETS
    from ddpm.commands.bundle.names import SIDES as SIDES
    from ddpm.commands.bundle.names import SOURCE as SOURCE
    from ddpm.commands.bundle.names import grid_name as grid_name
    from ddpm.commands.bundle.names import loss_name as loss_name
    from ddpm.commands.bundle.names import report_name as report_name
    from ddpm.commands.bundle.names import student_id_of as student_id_of
    from ddpm.commands.bundle.names import zip_name as zip_name
    from ddpm.commands.bundle.package_files import NOTEBOOK as NOTEBOOK
    from ddpm.commands.bundle.package_files import package_code as package_code
    from ddpm.commands.bundle.package_files import shipped_file as shipped_file

_CHECK, _ARCHIVE, _NAMES = (
    f"{__name__}.{module}" for module in ("check", "hand_in_archive", "names")
)
__getattr__ = lazy_getattr(
    __name__,
    {
        **dict.fromkeys(("Finding", "check_files"), _CHECK),
        **dict.fromkeys(("HandInError", "LARGEST", "MOST_FILES", "read_hand_in"), _ARCHIVE),
        **dict.fromkeys(("README", "SETS", "SIDES", "SOURCE"), _NAMES),
        **dict.fromkeys(("grid_name", "loss_name", "report_name"), _NAMES),
        **dict.fromkeys(("student_id_of", "zip_name"), _NAMES),
        **dict.fromkeys(("NOTEBOOK", "package_code", "shipped_file"), f"{__name__}.package_files"),
    },
)
