"""Which operators an exported program may hold: they compute from their inputs and do no more.

Each name stands for all overloads that are listed with it; what writes into its input is run by
its counterpart that does not. A value that
is written to in place is only followed where nothing else shares its memory.
"""

from collections.abc import Mapping

_PLAIN = """
    abs add sub mul div neg pow sqrt rsqrt exp log log1p expm1 sin cos tan asin acos atan sinh cosh
    tanh sigmoid relu relu6 gelu silu hardswish hardsigmoid hardtanh leaky_relu elu celu selu mish
    softplus softsign prelu glu erf erfc floor ceil round trunc sign reciprocal square clamp
    clamp_min clamp_max clip maximum minimum fmod remainder floor_divide true_divide where eq ne lt
    le gt ge logical_and logical_or logical_not logical_xor bitwise_and bitwise_or bitwise_not
    bitwise_xor masked_fill lerp addcmul addcdiv rsub log_sigmoid softmax _softmax log_softmax
    _log_softmax conv1d conv2d conv3d convolution conv_transpose1d conv_transpose2d
    conv_transpose3d max_pool1d max_pool2d max_pool3d max_pool2d_with_indices avg_pool1d avg_pool2d
    avg_pool3d adaptive_avg_pool1d adaptive_avg_pool2d adaptive_avg_pool3d _adaptive_avg_pool2d
    adaptive_max_pool2d batch_norm _native_batch_norm_legit_no_training layer_norm
    native_layer_norm group_norm native_group_norm instance_norm rms_norm linear matmul mm bmm addmm
    baddbmm addbmm einsum dot mv outer scaled_dot_product_attention mean sum amax amin max min prod
    var std var_mean std_mean norm linalg_vector_norm logsumexp argmax argmin cumsum any all topk
    sort argsort flatten view _unsafe_view reshape permute transpose t contiguous clone alias detach
    detach_ lift_fresh_copy expand expand_as repeat tile squeeze unsqueeze unflatten select slice
    narrow split split_with_sizes chunk unbind cat concat stack roll flip rot90 pad constant_pad_nd
    reflection_pad1d reflection_pad2d replication_pad1d replication_pad2d pixel_shuffle
    pixel_unshuffle upsample_nearest2d upsample_bilinear2d upsample_bicubic2d
    _upsample_bilinear2d_aa _upsample_bicubic2d_aa upsample_nearest1d upsample_linear1d grid_sampler
    grid_sampler_2d index index_select gather embedding one_hot triu tril diagonal movedim swapaxes
    to _to_copy type_as dropout feature_dropout alpha_dropout numpy_T mT adaptive_max_pool1d
    normalize im2col col2im unfold meshgrid broadcast_to view_as linalg_norm cosine_similarity cdist
    count_nonzero isnan isinf isfinite nan_to_num full zeros ones full_like zeros_like ones_like
    new_zeros new_ones new_full arange linspace eye scalar_tensor sym_size
    sym_numel copy slice_scatter select_scatter index_put scatter
    scatter_add broadcast_tensors float_power zero fill local_response_norm
    upsample_trilinear3d unsqueeze_copy squeeze_copy view_copy expand_copy permute_copy
    feature_alpha_dropout
"""

ALLOWED = frozenset(_PLAIN.split())
"""Names in torch.ops.aten, without the overload."""

WITHOUT_EFFECT = frozenset(("_assert_async", "_assert_scalar", "sym_constrain_range",
                            "sym_constrain_range_for_size", "_assert_tensor_metadata"))  # fmt: skip
"""Checks of sizes and kinds that do not hold for other numbers of images; they are left out."""

ARITHMETIC: Mapping[str, str] = {
    "_operator.add": "add", "_operator.sub": "sub", "_operator.mul": "mul",
    "_operator.floordiv": "floordiv", "_operator.truediv": "truediv", "_operator.mod": "mod",
    "_operator.neg": "neg", "_operator.pow": "pow", "_operator.getitem": "getitem",
    "_operator.eq": "eq", "_operator.ne": "ne", "_operator.lt": "lt", "_operator.le": "le",
    "_operator.gt": "gt", "_operator.ge": "ge", "_operator.and_": "and_", "_operator.or_": "or_",
    "_operator.not_": "not_", "math.trunc": "trunc", "torch.sym_max": "max",
    "torch.sym_min": "min", "torch.sym_not": "not_", "torch.sym_float": "float",
    "torch.sym_int": "int",
}  # fmt: skip
"""What is computed with the sizes of images."""
