"""How every figure of the documentation looks.

Figures are white, also on a dark page, where they are cards. The colours, C0 to C4, are those of
Okabe and Ito, which people who do not tell red from green can tell; gray is for what is only there
for comparison. Axes have labels, legends stand beside the data:

    figure.legend(loc="outside right upper")
"""

COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00")

STYLE = {
    "axes.axisbelow": True,
    "axes.edgecolor": "#444444",
    "axes.grid": True,
    "axes.labelcolor": "#222222",
    "axes.prop_cycle": f"cycler('color', {list(COLOURS)})",
    "axes.spines.right": False,
    "axes.spines.top": False,
    "axes.titlesize": 9,
    "figure.constrained_layout.use": True,
    "figure.facecolor": "white",
    "figure.figsize": (6.4, 3.2),
    "font.size": 9,
    "grid.color": "#e4e4e4",
    "legend.borderaxespad": 0.2,
    "legend.frameon": False,
    "lines.linewidth": 1.5,
    "lines.markersize": 4,
    "savefig.facecolor": "white",
    "svg.fonttype": "none",
    "svg.hashsalt": "fastbp",
    "text.color": "#222222",
    "xtick.color": "#444444",
    "ytick.color": "#444444",
}
