import Autograd
import Kernels
import Tensors

/// Convolutions one after the other, each with ReLU and perhaps max pooling, and perhaps a flattening of the last one's
/// result, that are computed together.
///
/// It does what its layers do one after the other, and lets them do it themselves whenever somebody observes one before
/// the last.
struct RectifiedConvolutions: Layer {
    /// A convolution, ReLU and perhaps max pooling.
    struct Link: Sendable {
        let geometry: @Sendable (_ batch: Shape) -> ConvolutionGeometry
        /// The windows of max pooling on what the convolution makes; nil without pooling.
        let pooling: @Sendable (_ batch: Shape) -> Windows?
        /// Weight and, if there is one, bias.
        let parameters: [Parameter]
    }

    let links: [Link]
    let flatten: Flatten?
    /// All of them, one after the other.
    let layers: [any Layer]

    var path: String { fusedPath(layers) }

    func outputShape(for sample: Shape) throws(ShapeError) -> Shape { try layers.outputShape(for: sample) }

    func forward(_ input: Variable, _ context: ForwardContext) -> Variable {
        if context.observes(layers.dropLast()) { return layers.reduce(input) { $1($0, context) } }
        let tape = context.tape
        let chain = sizedLinks(on: input.value.shape, tape.engine)
        var output = input
        var isFlat = false
        for run in RectifiedChain.runs(of: chain) {
            let operation = RectifiedChain(
                links: Array(chain[run]), flattens: flatten != nil && run.upperBound == chain.count)
            isFlat = operation.flattens
            output = tape.apply(operation, to: [output] + links[run].flatMap(\.parameters).map(tape.parameter))
        }
        if let flatten, !isFlat { return flatten(output, context) }
        if let last = layers.last { context.show(output, of: last) }
        return output
    }

    /// The links with their sizes on a batch.
    private func sizedLinks(on batch: Shape, _ engine: Engine) -> [RectifiedChain.Link] {
        var shape = batch
        return links.map { link in
            let geometry = link.geometry(shape)
            let convolved = geometry.windows.outputShape(forBatch: shape, channels: geometry.outputs)
            let sized = RectifiedChain.Link(
                plan: ConvolutionPlan(geometry, engine), pooling: link.pooling(convolved),
                hasBias: link.parameters.count > 1)
            shape = sized.results.outputShape(forBatch: shape, channels: geometry.outputs)
            return sized
        }
    }
}

extension RectifiedConvolutions {
    /// One convolution and what follows it, `layers`.
    init<Axes: Extent>(_ convolution: Convolution<Axes>, pooling: MaxPool<Axes>?, _ layers: [any Layer]) {
        let link = Link(
            geometry: convolution.geometry(for:), pooling: { pooling?.sizes.windows(onBatch: $0) },
            parameters: convolution.parameters)
        self.init(links: [link], flatten: nil, layers: layers)
    }

    /// These and then `layer`; nil when they are not computed together.
    private func followed(by layer: any Layer) -> RectifiedConvolutions? {
        guard flatten == nil else { return nil }
        if let other = layer as? RectifiedConvolutions {
            return RectifiedConvolutions(links: links + other.links, flatten: nil, layers: layers + other.layers)
        }
        guard let flatten = layer as? Flatten else { return nil }
        return RectifiedConvolutions(links: links, flatten: flatten, layers: layers + [flatten])
    }

    /// Joins neighbours that are computed together.
    static func joined(_ layers: [any Layer]) -> [any Layer] {
        layers.reduce(into: []) { result, layer in
            if let chain = (result.last as? RectifiedConvolutions)?.followed(by: layer) {
                result[result.count - 1] = chain
            } else {
                result.append(layer)
            }
        }
    }
}
