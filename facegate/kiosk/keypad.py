"""The keypad: a number where one is asked for, then a PIN; shown as dots only."""

from __future__ import annotations

from collections.abc import Callable

from PyQt6.QtCore import QRectF, Qt
from PyQt6.QtGui import QFont
from PyQt6.QtWidgets import QGridLayout, QLabel, QPushButton, QSizePolicy, QWidget

from facegate.domain.keypad import KeypadEntry
from facegate.kiosk.style import BACKGROUND, INK, KEY, KEY_DOWN, KEY_LINE

DIGITS = "123456789"
DELETE, ENTER, NEXT = "Delete", "Enter", "Next"
MOST_DIGITS = 12
ROWS = 6
"""One for the heading, one for the dots, four for keys."""


class Keypad(QWidget):
    """Ten digits, a key that takes the last one back, and one that goes on.

    Args:
        enter: takes an entry.
    """

    def __init__(self, enter: Callable[[KeypadEntry], None]) -> None:
        super().__init__()
        self._enter = enter
        self._typed, self._number = "", ""
        self._asks_number = False
        self._for = ""
        self.heading, self.dots = QLabel(), QLabel()
        self._keys: dict[str, QPushButton] = {}
        grid = QGridLayout(self)
        for row, label in enumerate((self.heading, self.dots)):
            label.setAlignment(Qt.AlignmentFlag.AlignCenter)
            grid.addWidget(label, row, 0, 1, 3)
        for place, key in enumerate((*DIGITS, DELETE, "0", ENTER)):
            grid.addWidget(self._button(key), 2 + place // 3, place % 3)
        for row in range(ROWS):
            grid.setRowStretch(row, 2 if row >= 2 else 1)
        for column in range(3):
            grid.setColumnStretch(column, 1)
        self.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        self.setStyleSheet(
            f"QWidget {{ background: {BACKGROUND}; color: {INK}; }}"
            f"QPushButton {{ background: {KEY}; border: 2px solid {KEY_LINE};"
            " border-radius: 10px; }"
            f"QPushButton:pressed {{ background: {KEY_DOWN}; }}"
        )
        self._show()

    def ask(self, visit: str, *, asks_number: bool) -> None:
        """Begin anew when another visitor is asked, or something else; else go on.

        Args:
            visit: number of the visit; "" when nothing is asked any more.
            asks_number: the number comes before the PIN.
        """
        if (visit, asks_number) != (self._for, self._asks_number):
            self._for, self._asks_number = visit, asks_number
            self.clear()

    def press(self, key: str) -> None:
        """One key, of the screen or of a keyboard; `*` ends a number, `#` is ENTER."""
        if key in {"#", ENTER}:
            self._go_on()
        elif key == "*":
            self._take_number()
        elif key == DELETE:
            self._delete()
        elif len(key) == 1 and key in "0123456789" and len(self._typed) < MOST_DIGITS:
            self._typed += key
        self._show()

    def clear(self) -> None:
        """Forget what was typed."""
        self._typed = self._number = ""
        self._show()

    @property
    def is_empty(self) -> bool:
        """Whether nothing was typed."""
        return not self._typed and not self._number

    def fit(self, area: QRectF) -> None:
        """Take a place, with letters to its size."""
        self.setGeometry(area.toRect())
        edge = round(area.height() * 0.02)
        grid = self.layout()
        if grid is not None:
            grid.setContentsMargins(edge, edge, edge, edge)
            grid.setSpacing(edge)
        row = area.height() / (ROWS + 4)  # keys have two shares
        self._set_px(self.heading, min(area.width() / 12, row * 0.8))
        self._set_px(self.dots, min(area.width() / MOST_DIGITS, row * 0.8))
        for key, button in self._keys.items():
            small = len(key) > 1
            self._set_px(button, min(area.width() / 15, row * 0.8) if small else row * 0.95)

    def _go_on(self) -> None:
        if self._wants_number():
            self._take_number()
        elif self._typed:
            entry = KeypadEntry(self._typed, self._number)
            self.clear()
            self._enter(entry)

    def _take_number(self) -> None:
        if self._typed and not self._number:
            self._number, self._typed = self._typed, ""

    def _delete(self) -> None:
        if self._typed:
            self._typed = self._typed[:-1]
        else:
            self._typed, self._number = self._number, ""

    def _wants_number(self) -> bool:
        return self._asks_number and not self._number

    def _show(self) -> None:
        wants_number = self._wants_number()
        self.heading.setText("Your number" if wants_number else "Your PIN")
        # Dots for the number, too: whoever takes one for the other has typed the PIN there.
        self.dots.setText("•" * len(self._typed))
        if ENTER in self._keys:
            self._keys[ENTER].setText(NEXT if wants_number else ENTER)

    def _button(self, key: str) -> QPushButton:
        button = self._keys[key] = QPushButton(key)
        button.setFocusPolicy(Qt.FocusPolicy.NoFocus)  # the window takes the keyboard
        button.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Ignored)
        button.clicked.connect(lambda: self.press(key))
        return button

    @staticmethod
    def _set_px(widget: QWidget, px: float) -> None:
        font = QFont(widget.font())
        font.setPixelSize(max(10, round(px)))
        font.setBold(True)
        widget.setFont(font)
