import Autograd
import Configuration
import Layers
import Tensors

/// A layer that cannot be observed as asked.
public enum ObservationError: Error, Sendable, CustomStringConvertible {
    /// The network has no layer of the name.
    case unknown(UnknownName)
    /// The layer's output has no pixels.
    case noPixels(LayerSummary)

    /// One sentence with the mend.
    public var description: String {
        switch self {
        case .unknown(let error): "\(error)"
        case .noPixels(let layer):
            "layer '\(layer.path)' (\(layer.kind)) gives samples of shape \(layer.output), but Grad-CAM needs an image or "
                + "a clip; name a convolution or another layer before the flattening"
        }
    }
}

extension Model {
    /// The outputs of layers for a batch in evaluation mode, by name: the feature maps.
    ///
    /// - Shapes: as the layers give them, channels last; layers inside of `frames` give `[N · T, …]`.
    /// - Throws: ``ObservationError`` when the network has no layer of a name.
    public func outputs(
        of names: [String], for input: Tensor, lengths: [Int]? = nil, engine: Engine
    ) throws(ObservationError) -> [String: Tensor] {
        for name in names { _ = try summary(of: name) }
        var found: [String: Tensor] = [:]
        var observers: [String: ForwardContext.Observer] = [:]
        for name in names { observers[name] = { found[name] = $0.value } }
        let tape = Tape(engine: engine, arena: arena)
        _ = layers(
            tape.constant(input),
            ForwardContext(tape: tape, mode: .evaluation, lengths: lengths, observers: observers))
        return found
    }

    /// Where in the output of a layer the score of a class comes from: Grad-CAM, in evaluation mode.
    ///
    /// The gradient of the class's logit, averaged over the pixels, weighs the layer's channels; what their sum leaves
    /// above zero is the map. It is not scaled.
    ///
    /// - Shapes: maps `[N, H, W]` for images, `[N, T, H, W]` for clips and for layers inside of `frames`.
    /// - Parameters:
    ///   - name: The layer, a convolution as a rule.
    ///   - input: The batch.
    ///   - targets: A class for each sample.
    ///   - lengths: The number of frames of each clip; nil when all are full.
    ///   - engine: What computes.
    /// - Throws: ``ObservationError`` when the network has no such layer, or its output has no pixels.
    /// - Source: Selvaraju and others 2017, "Grad-CAM", equations 1 and 2.
    public func classActivation(
        at name: String, for input: Tensor, targets: [Int], lengths: [Int]? = nil, engine: Engine
    ) throws(ObservationError) -> Tensor {
        let layer = try summary(of: name)
        guard layer.output.rank > 2 else { throw ObservationError.noPixels(layer) }
        let samples = input.shape[0]
        precondition(targets.count == samples, "\(samples) samples, \(targets.count) classes")
        let tape = Tape(engine: engine, arena: arena, block: GradientBlock(for: arena))
        var observed: Variable?
        let observer: ForwardContext.Observer = { variable in
            tape.keepGradient(of: variable)
            observed = variable
        }
        let logits = layers(
            tape.constant(input),
            ForwardContext(tape: tape, mode: .evaluation, lengths: lengths, observers: [name: observer]))
        let scores = Tensor(logits.value.shape) { gradient in
            gradient.update(repeating: 0, count: samples * classes)
            for (sample, target) in targets.enumerated() { gradient[sample * classes + target] = 1 }
        }
        tape.backward(from: logits, gradient: scores)
        guard let observed else { preconditionFailure("a layer of the summary takes part in the pass") }
        // A layer whose output reaches no logit, such as one behind a constant, has a gradient of zero.
        let gradient = tape.gradient(of: observed) ?? Tensor(zeros: observed.value.shape)
        return Self.weightedSum(observed.value, gradient, samples: samples)
    }

    /// ReLU(Σ αᶜ Aᶜ) of each image, αᶜ the mean of the gradient over its pixels.
    private static func weightedSum(_ features: Tensor, _ gradient: Tensor, samples: Int) -> Tensor {
        let axes = features.shape.dimensions
        let (images, channels) = (axes[0], axes[axes.count - 1])
        let pixels = features.count / max(images * channels, 1)
        let frames = images > samples ? [images / samples] : []
        return Tensor(Shape([samples] + frames + axes.dropFirst().dropLast())) { map in
            features.withElements { features in
                gradient.withElements { gradient in
                    var weights = [Double](repeating: 0, count: channels)
                    for image in 0..<images {
                        let start = image * pixels * channels
                        for channel in 0..<channels {
                            weights[channel] = 0
                            for pixel in 0..<pixels {
                                weights[channel] += Double(gradient[start + pixel * channels + channel])
                            }
                        }
                        for pixel in 0..<pixels {
                            var sum = 0.0
                            for channel in 0..<channels {
                                sum += weights[channel] * Double(features[start + pixel * channels + channel])
                            }
                            map[image * pixels + pixel] = Float(max(sum / Double(pixels), 0))
                        }
                    }
                }
            }
        }
    }

    /// The line of the summary for a layer.
    ///
    /// - Throws: ``ObservationError`` when the network has no layer of the name.
    public func summary(of name: String) throws(ObservationError) -> LayerSummary {
        // Of two layers of one path the later one holds the other.
        if let layer = outline.summary.last(where: { $0.path == name }) { return layer }
        throw .unknown(UnknownName(kind: "layer", name: name, known: outline.summary.map(\.path)))
    }
}
