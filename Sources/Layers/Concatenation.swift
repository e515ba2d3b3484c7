import Autograd
import Kernels
import Tensors

/// The channels, or features, of several branches one after another; the branches share their input.
///
/// Matches `torch.cat` along axis 1 of images and clips, and along the last axis of vectors.
///
/// - Shapes: branches of `[N, …, Cᵢ]` → `[N, …, Σ Cᵢ]`.
public struct Concatenation: Layer {
    /// The name of the block.
    public let path: String
    let branches: [any Layer]

    /// Makes the block that `builder` stands for.
    ///
    /// - Precondition: there is a branch.
    public init(_ builder: ParameterBuilder, _ branches: [any Layer]) {
        precondition(!branches.isEmpty, "a concatenation has at least one branch")
        path = builder.path
        self.branches = branches
    }

    /// The shape of the branches with their channels added up.
    public func outputShape(for sample: Shape) throws(ShapeError) -> Shape {
        var shapes: [Shape] = []
        for branch in branches { shapes.append(try branch.outputShape(for: sample)) }
        let first = shapes[0].dimensions.dropLast()
        guard shapes.allSatisfy({ $0.rank > 0 && $0.dimensions.dropLast() == first }) else {
            let list = shapes.map(\.description).joined(separator: ", ")
            throw ShapeError(
                path: path, expected: "a sample of which its branches differ in channels only, not \(list)",
                found: sample)
        }
        return Shape(first + [shapes.reduce(0) { $0 + $1[$1.rank - 1] }])
    }

    /// Joins what the branches make of the input.
    public func forward(_ input: Variable, _ context: ForwardContext) -> Variable {
        context.tape.apply(ChannelJoin(), to: branches.map { $0(input, context) })
    }
}

/// Copies the rows of each input side by side.
struct ChannelJoin: Operation {
    func forward(_ inputs: [Tensor], _ engine: Engine) -> (output: Tensor, saved: [Int]) {
        let widths = inputs.map { $0.shape[$0.shape.rank - 1] }
        let total = widths.reduce(0, +)
        let outer = Array(inputs[0].shape.dimensions.dropLast())
        let output = engine.tensor(Shape(outer + [total])) { y in
            var first = 0
            for (input, width) in zip(inputs, widths) {
                input.withElements { x in
                    let (x, y) = (SharedSource(x), SharedPointer(y + first))
                    engine.split(outer.reduce(1, *), grain: max(1, elementGrain / max(total, 1))) { part in
                        engine.kernels.rows.copy(
                            x.base + part.lowerBound * width, width, y.base + part.lowerBound * total, total,
                            part.count, width, false)
                    }
                }
                first += width
            }
        }
        return (output, widths)
    }

    func backward(_ gradient: Tensor, _ widths: [Int], _ inputs: GradientSinks, _ engine: Engine) {
        let total = widths.reduce(0, +)
        let rows = gradient.count / max(total, 1)
        gradient.withElements { dy in
            var first = 0
            for (index, width) in widths.enumerated() {
                inputs.write(index) { dx, adds in
                    let (dy, dx) = (SharedSource(dy + first), SharedPointer(dx))
                    engine.split(rows, grain: max(1, elementGrain / max(total, 1))) { part in
                        engine.kernels.rows.copy(
                            dy.base + part.lowerBound * total, total, dx.base + part.lowerBound * width, width,
                            part.count, width, adds)
                    }
                }
                first += width
            }
        }
    }
}
