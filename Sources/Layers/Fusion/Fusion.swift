import Autograd
import Tensors

/// A layer that can add a residual to its output and rectify the sum in the same pass.
protocol ResidualEnd: Layer {
    /// max(self(input) + residual, 0), or nil when it has to be computed step by step.
    func forward(_ input: Variable, adding residual: Variable, _ context: ForwardContext) -> Variable?
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
        let layers = [self] + following.prefix(count)
        if let batchNorm { return (NormalizedConvolutions(self, batchNorm, rectifies: rectifies, layers), count) }
        return (RectifiedConvolutions(self, pooling: pooling, layers), count)
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
    return NormalizedConvolutions.joined(RectifiedConvolutions.joined(result))
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
