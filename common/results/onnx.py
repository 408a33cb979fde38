"""The models as ONNX, for game engines, browsers and other programs: graphs written down from the weights.

The latent step is inside the encoder, and the decoder's quaternions have unit length. The package onnx is needed only
here, and imported only where a graph is made. Shapes: B batch, T frames, D pose_dim, Z latent, H width of an LSTM,
W directions of an LSTM; an LSTM of ONNX has time first.
"""

import json

from common.runtime.errors import InputError

import numpy as np

OPSET, IR_VERSION = 17, 8  # of 2022: what game engines read
GATES = (0, 3, 1, 2)  # torch orders an LSTM's gates i f g o, ONNX i o f c, where c is torch's g
SMALLEST_LENGTH = 1e-8  # of a quaternion that is brought to unit length


def check_package(export_onnx):
    """Say before the training, not after it, that the package is missing. Raises InputError."""
    if export_onnx:
        _package()


def save_models(nets, folder, description):
    """Write each of a script's models as <folder>/<name>.onnx. Raises OSError.

    `description`, plain values by name, goes into the files' metadata, each value as JSON.
    """
    onnx = _package()
    for name, net in nets.items():
        graph = encoder_graph(net, description["sequence_length"]) if name == "encoder" else decoder_graph(net)
        model = onnx.helper.make_model(
            graph,
            opset_imports=[onnx.helper.make_opsetid("", OPSET)],
            ir_version=IR_VERSION,
            producer_name="motion duet",
        )
        onnx.helper.set_model_props(model, {key: json.dumps(value) for key, value in description.items()})
        onnx.checker.check_model(model)
        (folder / f"{name}.onnx").write_bytes(model.SerializeToString())


def encoder_graph(encoder, sequence_length):
    """`poses` (B, T, D) -> `mu`, `std` (B, Z) of the latent code."""
    graph = _Graph()
    rnn = encoder.rnn_layers["encoder_rnn_0"]
    x = graph.lstm(rnn, graph.node("Transpose", "poses", perm=[1, 0, 2]))  # (T, B, W·H)
    x = graph.node("Gather", x, graph.constant(-1, np.int64), axis=0)  # (B, W·H), the last frame
    for dense in encoder.dense_layers.values():
        x = graph.node("Relu", graph.linear(dense, x))
    graph.node("Tanh", graph.linear(encoder.fc_mu, x), output="mu")
    std = graph.node("Abs", graph.node("Tanh", graph.linear(encoder.fc_std, x)))
    graph.node("Add", std, graph.constant(1e-5), output="std")
    latent_dim = encoder.fc_mu.out_features
    shape = ["batch", sequence_length, rnn.input_size]
    return graph.finish("encoder", {"poses": shape}, {"mu": ["batch", latent_dim], "std": ["batch", latent_dim]})


def decoder_graph(decoder):
    """`z` (B, Z) -> `poses` (B, T, D) of unit quaternions."""
    graph, frames, x = _Graph(), decoder.sequence_length, "z"
    latent_dim = next(iter(decoder.dense_layers.values())).in_features
    for dense in decoder.dense_layers.values():
        x = graph.node("Relu", graph.linear(dense, x))
    x = graph.node("Unsqueeze", x, graph.constant([0], np.int64))
    x = graph.node("Expand", x, graph.constant([frames, 1, 1], np.int64))  # (T, B, ·)
    x = graph.lstm(decoder.rnn_layers["decoder_rnn_0"], x)
    (final,) = decoder.final_layers.values()
    x = graph.node("MatMul", x, graph.constant(_array(final.weight).T))
    x = graph.node("Transpose", graph.node("Add", x, graph.constant(_array(final.bias))), perm=[1, 0, 2])  # (B, T, D)
    joints = final.out_features // 4
    x = graph.node("Reshape", x, graph.constant([0, frames, joints, 4], np.int64))
    length = graph.node("ReduceL2", x, axes=[-1], keepdims=1)
    x = graph.node("Div", x, graph.node("Max", length, graph.constant(SMALLEST_LENGTH)))
    graph.node("Reshape", x, graph.constant([0, frames, 4 * joints], np.int64), output="poses")
    return graph.finish("decoder", {"z": ["batch", latent_dim]}, {"poses": ["batch", frames, 4 * joints]})


class _Graph:
    """The nodes of a graph and their constants; what a method gives is the name of a tensor."""

    def __init__(self):
        self.onnx, self.nodes, self.constants = _package(), [], []

    def node(self, kind, *inputs, output=None, **attributes):
        output = output or f"{kind.lower()}_{len(self.nodes)}"
        self.nodes.append(self.onnx.helper.make_node(kind, list(inputs), [output], name=f"make_{output}", **attributes))
        return output

    def constant(self, values, dtype=np.float32):
        name = f"constant_{len(self.constants)}"
        values = np.ascontiguousarray(np.asarray(values, dtype=dtype)).reshape(np.shape(values))
        self.constants.append(self.onnx.numpy_helper.from_array(values, name))
        return name

    def linear(self, layer, x):
        """torch's nn.Linear on (B, ·)."""
        weight, bias = self.constant(_array(layer.weight)), self.constant(_array(layer.bias))
        return self.node("Gemm", x, weight, bias, transB=1)

    def lstm(self, rnn, x):
        """torch's nn.LSTM on (T, B, ·) -> (T, B, W·H), from a state of zeros."""
        directions = ("", "_reverse") if rnn.bidirectional else ("",)
        for layer in range(rnn.num_layers):
            of_layer = [
                [_gates(rnn, f"{name}_l{layer}{end}") for end in directions] for name in ("weight_ih", "weight_hh")
            ]
            biases = [
                np.concatenate([_gates(rnn, f"{name}_l{layer}{end}") for name in ("bias_ih", "bias_hh")])
                for end in directions
            ]
            y = self.node(
                "LSTM",
                x,
                *(self.constant(np.stack(part)) for part in (*of_layer, biases)),
                hidden_size=rnn.hidden_size,
                direction="bidirectional" if rnn.bidirectional else "forward",
            )  # (T, W, B, H)
            y = self.node("Transpose", y, perm=[0, 2, 1, 3])
            x = self.node("Reshape", y, self.constant([0, 0, len(directions) * rnn.hidden_size], np.int64))
        return x

    def finish(self, name, inputs, outputs):
        """The graph, with the shapes of its inputs and outputs by name; a text is a size that is free."""
        helper, floats = self.onnx.helper, self.onnx.TensorProto.FLOAT
        ends = [
            [helper.make_tensor_value_info(end, floats, shape) for end, shape in part.items()]
            for part in (inputs, outputs)
        ]
        return helper.make_graph(self.nodes, name, *ends, initializer=self.constants)


def _gates(rnn, name):
    """A parameter of an LSTM (4H, ...) with its gates in the order of ONNX."""
    return np.concatenate([np.split(_array(getattr(rnn, name)), 4)[gate] for gate in GATES])


def _array(parameter):
    return parameter.detach().float().cpu().numpy()


def _package():
    try:
        import onnx
        import onnx.checker
        import onnx.helper
        import onnx.numpy_helper
    except ImportError as error:
        raise InputError(
            "export_onnx = True needs the package onnx, which is not installed. Install it, `pip install onnx`, in the "
            "environment that the script runs in, or set export_onnx = False."
        ) from error
    return onnx
