import Autograd
import Kernels
import Tensors

/// A convolution and the layers after it that training computes together with it: batch norm and ReLU, or ReLU and max
/// pooling.
///
/// It does what its layers do one after the other, and lets them do it themselves whenever somebody observes one
/// before the last, in evaluation, and for channels that are not whole vectors.
struct FusedConvolution<Axes: Extent>: Layer {
    let convolution: Convolution<Axes>
    let batchNorm: BatchNorm?
    let rectifies: Bool
    let pooling: MaxPool<Axes>?
    /// All of them, the convolution first.
    let layers: [any Layer]

    var path: String { fusedPath(layers) }

    func outputShape(for sample: Shape) throws(ShapeError) -> Shape {
        var shape = sample
        for layer in layers { shape = try layer.outputShape(for: shape) }
        return shape
    }

    func forward(_ input: Variable, _ context: ForwardContext) -> Variable {
        guard canFuse(context) else { return layers.reduce(input) { $1($0, context) } }
        let output = together(input, context)
        if let last = layers.last { context.show(output, of: last) }
        return output
    }

    private func together(_ input: Variable, _ context: ForwardContext) -> Variable {
        if let batchNorm { return normalized(by: batchNorm, input, residual: nil, rectifies: rectifies, context) }
        let geometry = convolution.geometry(for: input)
        let pooled = geometry.windows.outputShape(forBatch: input.value.shape, channels: geometry.outputs)
        return context.tape.apply(
            RectifiedConvolution(geometry: geometry, pooling: pooling?.sizes.windows(onBatch: pooled)),
            to: [input] + convolution.parameters.map(context.tape.parameter))
    }

    private func canFuse(_ context: ForwardContext) -> Bool {
        let lanes = context.tape.engine.kernels.batchNorm.lanes
        return context.mode == .training && !context.observes(layers.dropLast())
            && (batchNorm == nil || convolution.outputs % lanes == 0)
    }

    private func normalized(
        by batchNorm: BatchNorm, _ input: Variable, residual: Variable?, rectifies: Bool, _ context: ForwardContext
    ) -> Variable {
        let tape = context.tape
        let operation = NormalizedConvolution(
            geometry: convolution.geometry(for: input), epsilon: batchNorm.epsilon,
            record: batchNorm.record(for: input, context), hasBias: convolution.bias != nil,
            isAffine: !batchNorm.affine.isEmpty, hasResidual: residual != nil, rectifies: rectifies)
        let parameters = convolution.parameters + batchNorm.affine
        return tape.apply(operation, to: [input] + parameters.map(tape.parameter) + [residual].compactMap(\.self))
    }
}

/// A layer that can add a residual to its output and rectify the sum in the same pass.
protocol ResidualEnd: Layer {
    /// max(self(input) + residual, 0), or nil when it has to be computed step by step.
    func forward(_ input: Variable, adding residual: Variable, _ context: ForwardContext) -> Variable?
}

extension FusedConvolution: ResidualEnd {
    func forward(_ input: Variable, adding residual: Variable, _ context: ForwardContext) -> Variable? {
        guard let batchNorm, !rectifies, canFuse(context), !context.observes(layers) else { return nil }
        return normalized(by: batchNorm, input, residual: residual, rectifies: true, context)
    }
}

/// A layer that can be computed together with layers after it.
protocol FusionStart: Layer {
    /// This layer with as many of `following` as can be; nil when none can.
    func fused(with following: ArraySlice<any Layer>) -> (layer: any Layer, count: Int)?
}

extension Convolution: FusionStart {
    func fused(with following: ArraySlice<any Layer>) -> (layer: any Layer, count: Int)? {
        var rest = following
        let batchNorm = rest.first as? BatchNorm
        if batchNorm != nil { rest = rest.dropFirst() }
        let rectifies = rest.first is ReLU
        if rectifies { rest = rest.dropFirst() }
        // Batch norm has to see all images before the first output can be pooled.
        let pooling = batchNorm == nil && rectifies ? rest.first as? MaxPool<Axes> : nil
        if pooling != nil { rest = rest.dropFirst() }
        guard batchNorm != nil || rectifies else { return nil }
        let count = following.count - rest.count
        let layer = FusedConvolution(
            convolution: self, batchNorm: batchNorm, rectifies: rectifies, pooling: pooling,
            layers: [self] + following.prefix(count))
        return (layer, count)
    }
}

/// Joins layers that can be computed together, from the first on.
func fused(_ layers: [any Layer]) -> [any Layer] {
    var result: [any Layer] = []
    var rest = layers[...]
    while let layer = rest.popFirst() {
        guard let (fused, count) = (layer as? any FusionStart)?.fused(with: rest) else {
            result.append(layer)
            continue
        }
        result.append(fused)
        rest = rest.dropFirst(count)
    }
    return result
}

/// The name of layers that are computed together, as in `conv1…relu1`.
func fusedPath(_ layers: [any Layer]) -> String {
    "\(layers.first?.path ?? "")…\(layers.last?.path.split(separator: ".").last ?? "")"
}

extension ForwardContext {
    /// Whether somebody wants to see the output of one of `layers`.
    func observes(_ layers: some Sequence<any Layer>) -> Bool {
        !observers.isEmpty && layers.contains { observers[$0.path] != nil }
    }
}
