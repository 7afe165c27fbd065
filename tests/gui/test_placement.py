"""The window is where it was, where that can still be seen."""

from __future__ import annotations

from pathlib import Path

import pytest
from PySide6.QtCore import QRect, QSize
from PySide6.QtWidgets import QApplication, QWidget

from companion.gui.placement import placed, remember, restore

USUAL = QSize(1160, 780)
WIDE, SMALL, RIGHT = QRect(0, 0, 1920, 1080), QRect(0, 0, 1024, 600), QRect(1920, 0, 1280, 1024)


@pytest.mark.parametrize(
    ("wanted", "screens", "place"),
    [
        pytest.param(QRect(30, 40, 800, 600), [WIDE], QRect(30, 40, 800, 600), id="as it was"),
        pytest.param(QRect(), [WIDE], QRect(380, 150, 1160, 780), id="the first time"),
        pytest.param(QRect(), [SMALL], QRect(4, 20, 1016, 560), id="the first time on a small screen"),
        pytest.param(
            QRect(2000, 50, 800, 600), [WIDE, RIGHT], QRect(2000, 50, 800, 600), id="on the second screen"
        ),
        pytest.param(QRect(2000, 50, 800, 600), [WIDE], QRect(560, 240, 800, 600), id="which is gone"),
        pytest.param(
            QRect(1520, 50, 800, 600), [WIDE], QRect(1520, 50, 800, 600), id="half of it can be seen"
        ),
        pytest.param(QRect(1530, 50, 800, 600), [WIDE], QRect(560, 240, 800, 600), id="less than half"),
        pytest.param(
            QRect(1520, 50, 800, 600),
            [WIDE, RIGHT],
            QRect(1520, 50, 800, 600),
            id="half on one, half on another",
        ),
        pytest.param(QRect(-300, -20, 800, 600), [WIDE], QRect(-300, -20, 800, 600), id="out at the left"),
        pytest.param(QRect(0, 0, 1900, 1000), [SMALL], QRect(4, 20, 1016, 560), id="another resolution"),
        pytest.param(QRect(0, 0, 10**9, 10**9), [WIDE], QRect(4, 20, 1912, 1040), id="nonsense"),
    ],
)
def test_where_a_window_is_placed(wanted: QRect, screens: list[QRect], place: QRect) -> None:
    assert placed(wanted, screens, USUAL) == place


def test_it_is_the_same_rectangle_however_often(qapp: QApplication, tmp_path: Path) -> None:
    file = tmp_path / "window.json"
    for _ in range(3):
        window = QWidget()
        restore(window, file, QSize(300, 200))
        window.show()
        if file.exists():
            assert window.geometry() == QRect(90, 110, 320, 240)
        else:
            window.setGeometry(QRect(90, 110, 320, 240))
        remember(window, file)
        window.close()


@pytest.mark.parametrize("state", ["Maximized", "FullScreen"])
def test_a_large_window_is_large_again_and_small_where_it_was(
    qapp: QApplication, tmp_path: Path, state: str
) -> None:
    file = tmp_path / "window.json"
    window = QWidget()
    window.setGeometry(QRect(90, 110, 320, 240))
    window.show()
    getattr(window, f"show{state}")()
    remember(window, file)
    window.close()
    again = QWidget()
    restore(again, file, QSize(300, 200))
    again.show()
    assert getattr(again, f"is{state.replace('ized', 'ized')}")()
    again.showNormal()
    assert again.geometry().size() == QSize(320, 240)
    again.close()


def test_it_fits_a_screen_smaller_than_its_least_size(qapp: QApplication, tmp_path: Path) -> None:
    window = QWidget()
    window.setMinimumSize(5_000, 4_000)
    restore(window, tmp_path / "window.json", QSize(6_000, 5_000))
    room = window.screen().availableSize()
    assert window.width() <= room.width()
    assert window.height() <= room.height()
