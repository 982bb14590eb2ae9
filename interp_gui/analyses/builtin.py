"""The analyses that come with the program."""

import importlib

from interp_gui.core.analysis import Analysis


def builtin_analyses() -> tuple[Analysis, ...]:
    """All built-in analyses, imported on the first call, in the order of menus."""
    modules = (
        "predict",
        "activation_maps",
        "unit_ranking",
        "real_examples",
        "top_examples",
        "layer_summary",
        "harvest",
        "feature_visualization",
        "activation_grid",
        "caricature",
        "unit_similarity",
        "atlas",
        "atlas_pictures",
        "atlas.stability",
        "atlas_colours",
        "atlas_path",
        "dataset_predictions",
        "check_preprocessing",
        "compare_models",
        "dataset_effect",
        "unit_set_study",
        "intervene",
        "ablation_sweep",
        "strength_curve",
        "activation_patching",
        "feature_statistics",
        "concept",
        "concept_sensitivity",
        "bake",
        "rank_one_edit",
    )
    found = (importlib.import_module(f"interp_gui.analyses.{name}") for name in modules)
    return tuple(module.ANALYSIS for module in found)
