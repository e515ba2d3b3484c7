import Autograd
import Kernels
import Tensors

/// The last frame of each sequence.
///
/// - Shapes: `[N, T, …]` → `[N, …]`.
public struct LastOutput: Layer {
    /// The layer's name in the model.
    public let path: String
    let valid: Bool

    /// Makes the layer that `builder` stands for.
    ///
    /// - Parameters:
    ///   - builder: Names the layer.
    ///   - valid: Whether a sequence ends with its last frame before the padding, as the context's lengths tell, instead
    ///     of the batch's last frame.
    public init(_ builder: ParameterBuilder, valid: Bool = false) {
        path = builder.path
        self.valid = valid
    }

    /// One frame.
    public func outputShape(for sample: Shape) throws(ShapeError) -> Shape {
        try frameShape(of: sample, path)
    }

    /// Takes one frame of each sequence.
    ///
    /// - Precondition: lengths are from 1 to the number of frames.
    public func forward(_ input: Variable, _ context: ForwardContext) -> Variable {
        context.tape.apply(FrameChoice(lengths: valid ? context.lengths : nil), to: [input])
    }
}

/// The shape of one of the frames `[T, …]` that the layer named `path` is given.
func frameShape(of sample: Shape, _ path: String) throws(ShapeError) -> Shape {
    guard sample.rank > 1, sample[0] > 0 else {
        throw ShapeError(path: path, expected: "a sequence [T, …]", found: sample)
    }
    return Shape(Array(sample.dimensions.dropFirst()))
}

/// Frame length − 1 of each sequence; saves the input's shape only.
struct FrameChoice: Operation {
    /// The length of each sequence; nil when they all fill the batch's frames.
    let lengths: [Int]?

    func forward(_ inputs: [Tensor], _ engine: Engine) -> (output: Tensor, saved: Shape) {
        let shape = inputs[0].shape
        let output = engine.tensor(Shape([shape[0]] + shape.dimensions.dropFirst(2))) { y in
            inputs[0].withElements { x in
                forEachFrame(shape) { sample, offset, count in
                    (y + sample * count).update(from: x + offset, count: count)
                }
            }
        }
        return (output, shape)
    }

    func backward(_ gradient: Tensor, _ shape: Shape, _ inputs: GradientSinks, _ engine: Engine) {
        inputs.write(0) { dx, adds in
            if !adds { dx.update(repeating: 0, count: shape.count) }
            gradient.withElements { dy in
                forEachFrame(shape) { sample, offset, count in
                    engine.kernels.elementwise.accumulate(dy + sample * count, dx + offset, count)
                }
            }
        }
    }

    /// Calls `body` with each sample, the place of its frame and the frame's size.
    private func forEachFrame(_ shape: Shape, _ body: (_ sample: Int, _ offset: Int, _ count: Int) -> Void) {
        let count = shape.dimensions.dropFirst(2).reduce(1, *)
        for sample in 0..<shape[0] {
            let length = lengths?[sample] ?? shape[1]
            precondition((1...shape[1]).contains(length), "a length of \(length) is not in 1...\(shape[1])")
            body(sample, (sample * shape[1] + length - 1) * count, count)
        }
    }
}
