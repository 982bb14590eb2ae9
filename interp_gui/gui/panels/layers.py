"""The layers of the current model as a tree with a filter."""

from functools import partial

from PySide6.QtCore import QModelIndex, QPoint, QSortFilterProxyModel, Qt, Signal
from PySide6.QtGui import QGuiApplication, QResizeEvent, QStandardItem, QStandardItemModel
from PySide6.QtWidgets import (
    QAbstractItemView,
    QHeaderView,
    QLineEdit,
    QMenu,
    QToolButton,
    QTreeView,
    QWidget,
)

from interp_gui.core.layer import LayerInfo
from interp_gui.gui import icons, parts, theme
from interp_gui.gui.panels.layer_tree import Node, layer_tree, shape_text
from interp_gui.gui.state import AppState

ADDRESS = Qt.ItemDataRole.UserRole
SEARCHED = Qt.ItemDataRole.UserRole + 1
EXPAND_UP_TO = 80
LAYER, SHAPE, KIND = range(3)
_WIDEST, _NARROWEST_PX = 0.6, 120
"""Share of the panel that names may take, so that shapes stay in sight."""


class LayersView(QWidget):
    """Choosing a layer makes it current and shows its wall.

    Signals
    -------
    beside
        Address of a layer whose wall is to be shown beside the other views.
    atlas
        Address of a layer whose atlas is to be shown.
    """

    beside = Signal(str)
    atlas = Signal(str)

    def __init__(self, state: AppState) -> None:
        super().__init__()
        self._state = state
        self._shown: tuple[LayerInfo, ...] = ()
        self._items: dict[str, QStandardItem] = {}
        self.source = QStandardItemModel(0, 3, self)
        self.proxy = QSortFilterProxyModel(self)
        self.proxy.setSourceModel(self.source)
        self.proxy.setRecursiveFilteringEnabled(True)
        self.proxy.setFilterCaseSensitivity(Qt.CaseSensitivity.CaseInsensitive)
        self.proxy.setFilterRole(SEARCHED)
        self.filter = QLineEdit()
        self.filter.setPlaceholderText("Filter layers")
        self.filter.setAccessibleName("Filter layers by name or kind")
        parts.as_filter(self.filter)
        self.filter.textChanged.connect(self._apply_filter)
        self.all = QToolButton()
        self.all.setText("All")
        self.all.setCheckable(True)
        self.all.setToolTip("Show every layer, not only those worth looking at")
        self.all.setAccessibleName("Show every layer")
        self.all.toggled.connect(self.rebuild)
        self.tree = self._tree()
        top = parts.row(theme.SPACE_S)
        top.addWidget(self.filter, 1)
        top.addWidget(self.all)
        column = parts.column(self, spacing=0)
        column.addLayout(top)
        column.addWidget(self.tree, 1)
        state.layer_changed.connect(self._follow)

    def _tree(self) -> QTreeView:
        tree = QTreeView()
        tree.setAccessibleName("Layers")
        tree.setAccessibleDescription("The layer that is chosen here is shown in all views")
        tree.setModel(self.proxy)
        tree.setUniformRowHeights(True)
        tree.setIndentation(14)
        tree.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        tree.setFrameShape(QTreeView.Shape.NoFrame)
        tree.setAllColumnsShowFocus(True)
        tree.setTextElideMode(Qt.TextElideMode.ElideMiddle)
        header = tree.header()
        header.setStretchLastSection(False)
        tree.clicked.connect(self._choose)
        tree.activated.connect(self._choose)
        tree.setContextMenuPolicy(Qt.ContextMenuPolicy.CustomContextMenu)
        tree.customContextMenuRequested.connect(self._show_menu)
        return tree

    def rebuild(self) -> None:
        """Show the layers of the current model."""
        model = self._state.model
        layers = model.description.layers if model is not None else ()
        worthwhile = tuple(layer for layer in layers if layer.worthwhile)
        self._shown = layers if self.all.isChecked() or not worthwhile else worthwhile
        self.source.clear()
        self._items.clear()
        self.source.setHorizontalHeaderLabels(["Layer", "Shape", "Kind"])
        for node in layer_tree(self._shown):
            self.source.appendRow(self._row(node))
        header = self.tree.header()
        # Where there is little room, it is the kind that is cut off first, then long names.
        header.setSectionResizeMode(LAYER, QHeaderView.ResizeMode.ResizeToContents)
        header.setSectionResizeMode(SHAPE, QHeaderView.ResizeMode.ResizeToContents)
        header.setSectionResizeMode(KIND, QHeaderView.ResizeMode.Stretch)
        self._expand()
        self._follow()

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self.tree.header().setMaximumSectionSize(max(_NARROWEST_PX, int(self.width() * _WIDEST)))

    def _row(self, node: Node) -> list[QStandardItem]:
        layer = node.layer
        texts = (node.title, shape_text(layer) if layer else "", layer.kind if layer else "")
        row = [QStandardItem(text) for text in texts]
        kind = f" {layer.kind} {layer.role.replace('_', ' ')}" if layer else ""
        row[0].setData(layer.name if layer else "", ADDRESS)
        row[0].setData(f"{node.path}{kind}", SEARCHED)
        for item in row:
            item.setToolTip(_describe(node))
        if layer is not None:
            self._items[layer.name] = row[0]
        for child in node.children:
            row[0].appendRow(self._row(child))
        return row

    def _expand(self) -> None:
        if self.filter.text() or len(self._shown) <= EXPAND_UP_TO:
            self.tree.expandAll()
        else:
            self.tree.expandToDepth(0)

    def _apply_filter(self, text: str) -> None:
        self.proxy.setFilterFixedString(text.strip())
        self._expand()

    def _choose(self, index: QModelIndex) -> None:
        address = index.siblingAtColumn(0).data(ADDRESS)
        if address:
            self._state.set_layer(address)
            self._state.set_tab("wall")

    def _show_menu(self, where: QPoint) -> None:
        index = self.tree.indexAt(where)
        address = index.siblingAtColumn(0).data(ADDRESS)
        menu = QMenu(self)
        menu.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        if address:
            menu.addAction(icons.icon("wall"), "Open the wall", lambda: self._choose(index))
            beside = menu.addAction("Open the wall beside", partial(self.beside.emit, address))
            beside.setToolTip("Keep the views that are open, and see this layer next to them")
            menu.addAction(
                icons.icon("atlas"), "Open atlas of this layer", partial(self.atlas.emit, address)
            )
            menu.addAction(
                icons.icon("copy"), "Copy address",
                lambda: QGuiApplication.clipboard().setText(address),
            )  # fmt: skip
            menu.addSeparator()
        menu.addAction("Unfold all", self.tree.expandAll)
        menu.addAction("Fold all", self.tree.collapseAll)
        menu.popup(self.tree.viewport().mapToGlobal(where))

    def _follow(self) -> None:
        item = self._items.get(self._state.layer)
        if item is None:  # one of those that "All" shows: no other may seem to be chosen
            self.tree.setCurrentIndex(QModelIndex())
            return
        index = self.proxy.mapFromSource(item.index())
        current = self.tree.currentIndex()
        # the same row below another parent is another layer
        if index.isValid() and index != current.siblingAtColumn(0):
            self.tree.setCurrentIndex(index)
            self.tree.scrollTo(index)


def _describe(node: Node) -> str:
    layer = node.layer
    if layer is None:
        return f"{node.path} (group)"
    axes = " × ".join(layer.axes)
    lines = [layer.name, f"{layer.kind}, {shape_text(layer)} ({axes})"]
    if layer.units:
        lines.append(f"{layer.units:,} units")
    lines += _about(layer)
    if not layer.writable:
        lines.append("Changing it does not change the answer.")
    return "\n".join(lines)


def _about(layer: LayerInfo) -> list[str]:
    """What describers know of a layer, one sentence a line."""
    lines = [f"Role: {layer.role.replace('_', ' ')}"] if layer.role else []
    if layer.heads:
        lines.append(f"{layer.heads} heads of {layer.head_size} units")
    if layer.token_grid is not None:
        rows, columns = layer.token_grid
        others = f", after {layer.prefix_tokens} other" if layer.prefix_tokens else ""
        lines.append(f"Tokens are {rows} × {columns} patches{others}")
    return lines
