import Autograd
import Kernels
import Tensors

/// y = x · Wᵀ + b; matches `torch.nn.Linear`, its default initialisation included.
///
/// - Shapes: `[N, from]` → `[N, to]`, or each frame of `[N, T, from]` → `[N, T, to]`; weight `[to, from]`, bias `[to]`.
public struct Linear: Layer {
    /// The layer's name in the model.
    public let path: String
    let weight: Parameter
    let bias: Parameter?
    let inputs: Int
    let outputs: Int

    /// Makes the layer that `builder` stands for; it names its parameters `weight` and `bias`.
    public init(_ builder: ParameterBuilder, from inputs: Int, to outputs: Int, bias hasBias: Bool = true) {
        path = builder.path
        self.inputs = inputs
        self.outputs = outputs
        weight = builder.parameter("weight", [outputs, inputs], Uniform(fanIn: inputs))
        bias = hasBias ? builder.parameter("bias", [outputs], Uniform(fanIn: inputs)) : nil
    }

    /// A vector of `to` features, or a sequence of them.
    public func outputShape(for sample: Shape) throws(ShapeError) -> Shape {
        guard sample == [inputs] || sample.rank == 2 && sample[1] == inputs else {
            throw ShapeError(path: path, expected: "a vector of \(inputs) features", found: sample)
        }
        return Shape(sample.dimensions.dropLast() + [outputs])
    }

    /// Maps each vector of the batch.
    public func forward(_ input: Variable, _ context: ForwardContext) -> Variable {
        let parameters = ([weight, bias].compactMap(\.self)).map(context.tape.parameter)
        return context.tape.apply(AffineMap(), to: [input] + parameters)
    }
}

/// Inputs x `[…, I]`, W `[O, I]` and, if there is one, b `[O]`.
struct AffineMap: Operation {
    /// Vectors that one matrix product takes.
    private static let grain = 64

    func forward(_ inputs: [Tensor], _ engine: Engine) -> (output: Tensor, saved: [Tensor]) {
        let (width, height) = (inputs[1].shape[1], inputs[1].shape[0])
        let outer = Array(inputs[0].shape.dimensions.dropLast())
        let rows = outer.reduce(1, *)
        let output = engine.tensor(Shape(outer + [height])) { y in
            inputs[0].withElements { x in
                inputs[1].withElements { w in apply(w, x, y, rows, width, height, engine) }
            }
            if inputs.count > 2 {
                inputs[2].withElements { engine.kernels.rows.addBias(y, $0, rows, height) }
            }
        }
        return (output, Array(inputs.prefix(2)))
    }

    /// y = x · Wᵀ, by the engine's own product when the outputs are whole vectors.
    private func apply(
        _ w: Source, _ x: Source, _ y: Destination, _ rows: Int, _ width: Int, _ height: Int, _ engine: Engine
    ) {
        let (x, y) = (SharedSource(x), SharedPointer(y))
        guard height % engine.kernels.convolution.directLanes == 0 else {
            let w = SharedSource(w)
            return engine.split(rows, grain: Self.grain) { part in
                multiply(
                    MatrixOperand(x.base + part.lowerBound * width, stride: width),
                    MatrixOperand(w.base, stride: width).transposed,
                    into: y.base + part.lowerBound * height, stride: height, m: part.count, n: height, k: width)
            }
        }
        if rows <= height * engine.threadCount && rows % engine.kernels.convolution.directLanes == 0 {
            return applyTurned(w, x, y, rows, width, height, engine)
        }
        engine.withScratch(width * height) { turned in
            engine.kernels.rows.transpose(w, turned, height, width, false)
            let turned = SharedPointer(turned)
            engine.split(rows, grain: Self.grain) { part in
                engine.kernels.convolution.product(
                    x.base + part.lowerBound * width, width, 1, turned.base, y.base + part.lowerBound * height,
                    height, part.count, height, width, false)
            }
        }
    }

    /// yᵀ = W · xᵀ, where a thread's share of x is no larger than W, so that each turns its own; each output is the same
    /// chain of additions.
    ///
    /// Every thread reads all of W, so it takes its vectors in one part, of whole vectors of lanes.
    private func applyTurned(
        _ w: Source, _ x: SharedSource<Float>, _ y: SharedPointer<Float>, _ rows: Int, _ width: Int, _ height: Int,
        _ engine: Engine
    ) {
        let (w, lanes) = (SharedSource(w), engine.kernels.convolution.directLanes)
        engine.share(rows, multiple: lanes) { part in
            engine.withScratch(part.count * (width + height)) { turned in
                let output = turned + part.count * width
                engine.kernels.rows.transpose(x.base + part.lowerBound * width, turned, part.count, width, false)
                engine.kernels.convolution.product(
                    w.base, width, 1, turned, output, part.count, height, part.count, width, false)
                engine.kernels.rows.transpose(output, y.base + part.lowerBound * height, height, part.count, false)
            }
        }
    }

    func backward(_ gradient: Tensor, _ saved: [Tensor], _ inputs: GradientSinks, _ engine: Engine) {
        let (width, height) = (saved[1].shape[1], saved[1].shape[0])
        let rows = saved[0].shape.dimensions.dropLast().reduce(1, *)
        gradient.withElements { dy in
            let product = GradientProduct(of: dy, rows * height, columns: width, engine)
            let dy = MatrixOperand(dy, stride: height)
            inputs.write(1) { dw, adds in
                saved[0].withElements { x in
                    // Of the vectors that other threads made each reads its columns only.
                    product(dy.transposed, x, into: dw, rows: height, depth: rows, sharing: .columns, adds: adds)
                }
            }
            if inputs.variables.count > 2 {
                inputs.write(2) { db, adds in engine.kernels.rows.sum(dy.base, db, rows, height, adds) }
            }
            // Last, so that the operation before finds it in the cache.
            inputs.write(0) { dx, adds in
                saved[1].withElements { w in
                    product(dy, w, into: dx, rows: rows, depth: height, sharing: .rows, adds: adds)
                }
            }
        }
    }
}

/// How the gradient of a linear map's output, or its transpose, is multiplied with matrices of so many columns.
private struct GradientProduct {
    /// What of a product a thread computes.
    enum Share {
        case rows, columns
    }

    /// Rows of a part: what is read again for all of them and what is written stays in the cache.
    private static let grain = 64
    /// Columns that a product computes together on any instruction set.
    private static let panel = 64

    private let columns: Int
    /// Nil when columns are no whole vectors.
    private let kernel: ConvolutionKernels.MatrixProduct?
    private let engine: Engine

    /// For the gradient `dy` of so many elements: passing over zeros pays when ReLU left enough of them.
    init(of dy: Source, _ count: Int, columns: Int, _ engine: Engine) {
        let kernels = engine.kernels.convolution
        self.columns = columns
        self.engine = engine
        guard columns % kernels.directLanes == 0 else {
            kernel = nil
            return
        }
        let isSparse = engine.kernels.elementwise.zeroCount(dy, count) > count / 4
        kernel = isSparse ? kernels.sparseProduct : kernels.product
    }

    /// c = or += a · b, where a has `rows` and b `depth` rows.
    func callAsFunction(
        _ a: MatrixOperand, _ b: Source, into c: Destination, rows: Int, depth: Int, sharing share: Share, adds: Bool
    ) {
        let (b, c, columns) = (SharedSource(b), SharedPointer(c), columns)
        guard let kernel else {
            return engine.split(rows, grain: Self.grain) { part in
                multiply(
                    a.dropping(rows: part.lowerBound), MatrixOperand(b.base, stride: columns),
                    into: c.base + part.lowerBound * columns, stride: columns, m: part.count, n: columns, k: depth,
                    accumulate: adds)
            }
        }
        let compute = { @Sendable (rows: Range<Int>, part: Range<Int>) in
            rows.forEachPart(of: Self.grain) { rows in
                kernel(
                    a.dropping(rows: rows.lowerBound).base, a.rowStride, a.columnStride, b.base + part.lowerBound,
                    c.base + rows.lowerBound * columns + part.lowerBound, columns, rows.count, part.count, depth, adds)
            }
        }
        switch share {
        case .rows: engine.share(rows, multiple: 1) { compute($0, 0..<columns) }
        case .columns: engine.share(columns, multiple: Self.panel) { compute(0..<rows, $0) }
        }
    }
}
