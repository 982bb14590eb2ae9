"""View of a `curve` result."""

import math
from typing import Any

import numpy as np
from PySide6.QtGui import QColor, QPalette
from PySide6.QtWidgets import QVBoxLayout

from interp_gui.core.export.numbers import powers, readable
from interp_gui.core.result import Curve
from interp_gui.gui.widgets.view import ResultView

LINE_COLOURS = ("#3b7dd8", "#d0653a", "#2f9e77", "#9a6dd7", "#b88a00", "#5f7480")


BAND, BEYOND = "#7f8894", "#d09a2c"
"""Areas behind lines: grey for what random features do, amber beyond what was observed."""


class CurveView(ResultView[Curve]):
    """Lines over a common axis, drawn by pyqtgraph."""

    accessible_role = "Chart"

    def __init__(self) -> None:
        super().__init__()
        self._plot: Any = None
        self._layout = QVBoxLayout(self)
        self._layout.setContentsMargins(0, 0, 0, 0)

    def result_changed(self) -> None:
        result = self._result
        if result is None:
            return
        plot = self._plot_widget()
        plot.clear()
        plot.plotItem.legend.clear()
        plot.setLogMode(x=result.logarithmic, y=False)
        marks = None
        if result.logarithmic and len(result.x):
            ends = (math.log10(float(end)) for end in (result.x.min(), result.x.max()))
            marks = [[(math.log10(mark), readable(mark)) for mark in powers(*ends)]]
        plot.getAxis("bottom").setTicks(marks)
        plot.setLabel("bottom", result.x_label)
        plot.setLabel("left", result.y_label)
        import pyqtgraph

        self._paint_areas(plot, result)
        for i, line in enumerate(result.ys):
            pen = pyqtgraph.mkPen(LINE_COLOURS[i % len(LINE_COLOURS)], width=2)
            name = result.names[i] if i < len(result.names) else None
            plot.plot(result.x, line, pen=pen, name=name)

    def _paint_areas(self, plot: Any, result: Curve) -> None:
        """What lies behind the lines: the band, and strips beyond the span."""
        import pyqtgraph

        def across(value: float) -> float:  # areas do not follow the axis of powers by themselves
            return math.log10(value) if result.logarithmic else value

        if result.span is not None and len(result.x):
            beyond = QColor(BEYOND)
            beyond.setAlpha(48)
            low, high = result.span
            for start, end in ((float(result.x.min()), low), (high, float(result.x.max()))):
                if end > start:
                    strip = pyqtgraph.LinearRegionItem(
                        (across(start), across(end)), movable=False, brush=beyond,
                        pen=pyqtgraph.mkPen(None),
                    )  # fmt: skip
                    strip.setZValue(-20)
                    plot.addItem(strip)
        if result.band is not None:
            edge, fill = QColor(BAND), QColor(BAND)
            edge.setAlpha(0)
            fill.setAlpha(70)
            x = np.log10(result.x) if result.logarithmic else result.x
            low_line, high_line = (
                pyqtgraph.PlotCurveItem(x, line, pen=edge) for line in result.band
            )
            area = pyqtgraph.FillBetweenItem(low_line, high_line, brush=fill)
            area.setZValue(-10)
            for item in (low_line, high_line, area):
                plot.addItem(item)
            if result.band_name:
                swatch = pyqtgraph.PlotDataItem(pen=pyqtgraph.mkPen(fill, width=8))
                plot.plotItem.legend.addItem(swatch, result.band_name)

    def _plot_widget(self) -> Any:
        """Made when first needed: importing pyqtgraph would delay the window."""
        if self._plot is None:
            import pyqtgraph

            colours = self.palette()
            self._plot = pyqtgraph.PlotWidget(
                background=colours.color(QPalette.ColorRole.Base), antialias=True
            )
            ink = colours.color(QPalette.ColorRole.Text)
            for side in ("bottom", "left"):
                axis = self._plot.getAxis(side)
                axis.setPen(ink)
                axis.setTextPen(ink)
                axis.enableAutoSIPrefix(False)
            self._plot.addLegend(offset=(-8, 8))
            self._plot.setMenuEnabled(False)
            self._plot.setAccessibleName("Plot")
            self._layout.addWidget(self._plot)
        return self._plot
