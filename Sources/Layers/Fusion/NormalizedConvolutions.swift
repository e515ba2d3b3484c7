import Autograd
import Kernels
import Tensors

/// Convolutions with batch norm one after the other, each but perhaps the last one with ReLU, that training computes
/// together.
///
/// It does what its layers do one after the other, and lets them do it themselves whenever somebody observes one before
/// the last, in evaluation, and for channels that are not whole vectors.
struct NormalizedConvolutions: Layer {
    /// A convolution, batch norm and perhaps ReLU.
    struct Link: Sendable {
        let path: String
        let geometry: @Sendable (_ batch: Shape) -> ConvolutionGeometry
        let parameters: [Parameter]
        let hasBias: Bool
        let batchNorm: BatchNorm
        let rectifies: Bool
    }

    let links: [Link]
    /// What to compute instead, one after the other.
    let layers: [any Layer]
    /// All layers within, the last one at the end.
    let inner: [any Layer]

    var path: String { fusedPath(inner) }

    func outputShape(for sample: Shape) throws(ShapeError) -> Shape { try layers.outputShape(for: sample) }

    func forward(_ input: Variable, _ context: ForwardContext) -> Variable {
        guard canFuse(context) else { return layers.reduce(input) { $1($0, context) } }
        let output = apply(input, residual: nil, rectifies: links.last?.rectifies ?? false, context)
        if let last = inner.last { context.show(output, of: last) }
        return output
    }

    private func canFuse(_ context: ForwardContext) -> Bool {
        let lanes = context.tape.engine.kernels.batchNorm.lanes
        return context.mode == .training && !context.observes(inner.dropLast())
            && links.allSatisfy { $0.batchNorm.channels % lanes == 0 }
    }

    private func apply(
        _ input: Variable, residual: Variable?, rectifies: Bool, _ context: ForwardContext
    ) -> Variable {
        let tape = context.tape
        var shape = input.value.shape
        let chain = links.map { link in
            let geometry = link.geometry(shape)
            shape = geometry.windows.outputShape(forBatch: shape, channels: geometry.outputs)
            return NormalizedChain.Link(
                path: link.path, geometry: geometry, epsilon: link.batchNorm.epsilon,
                record: link.batchNorm.record(for: input, context), hasBias: link.hasBias,
                isAffine: !link.batchNorm.affine.isEmpty)
        }
        let operation = NormalizedChain(
            links: chain, hasResidual: residual != nil, rectifies: rectifies, times: tape.times)
        let parameters = links.flatMap { $0.parameters + $0.batchNorm.affine }
        return tape.apply(operation, to: [input] + parameters.map(tape.parameter) + [residual].compactMap(\.self))
    }
}

extension NormalizedConvolutions: ResidualEnd {
    func forward(_ input: Variable, adding residual: Variable, _ context: ForwardContext) -> Variable? {
        guard links.last?.rectifies == false, canFuse(context), !context.observes(inner) else { return nil }
        return apply(input, residual: residual, rectifies: true, context)
    }
}

extension NormalizedConvolutions {
    /// One convolution and what follows it, `layers`.
    init<Axes: Extent>(_ convolution: Convolution<Axes>, _ batchNorm: BatchNorm, rectifies: Bool, _ layers: [any Layer])
    {
        let link = Link(
            path: fusedPath(layers), geometry: convolution.geometry(for:), parameters: convolution.parameters,
            hasBias: convolution.bias != nil, batchNorm: batchNorm, rectifies: rectifies)
        self.init(links: [link], layers: layers, inner: layers)
    }

    /// A layer that is nothing but such convolutions.
    init?(whole layer: any Layer) {
        if let chain = layer as? NormalizedConvolutions {
            // By itself it is computed together, too.
            self.init(links: chain.links, layers: chain.links.count == 1 ? [chain] : chain.layers, inner: chain.inner)
        } else if let sequence = layer as? Sequential, sequence.layers.count == 1,
            let chain = sequence.layers[0] as? NormalizedConvolutions
        {
            self.init(links: chain.links, layers: [sequence], inner: [sequence] + chain.inner)
        } else {
            return nil
        }
    }

    /// These and then others; nil when there is no ReLU between them.
    func followed(by other: NormalizedConvolutions) -> NormalizedConvolutions? {
        guard links.last?.rectifies == true else { return nil }
        return NormalizedConvolutions(
            links: links + other.links, layers: layers + other.layers, inner: inner + other.inner)
    }

    /// Joins neighbours that are nothing but such convolutions.
    static func joined(_ layers: [any Layer]) -> [any Layer] {
        layers.reduce(into: []) { result, layer in
            if let next = NormalizedConvolutions(whole: layer), let last = result.last,
                let chain = NormalizedConvolutions(whole: last)?.followed(by: next)
            {
                result[result.count - 1] = chain
            } else {
                result.append(layer)
            }
        }
    }
}
