import Autograd
import Kernels
import Tensors

/// One recurrent layer in one or two directions.
///
/// Inputs are x `[N, T, F]` and for each direction the parameters of ``RecurrentDirection``; the output is
/// `[N, T, directions · size]`. Frames lie in packed order, so that nothing is computed for padding: one product for the
/// input's part of all steps, one a step for the hidden state's.
struct Recurrence: Operation {
    let cell: any RecurrentCell
    let size: Int
    let directions: Int
    /// The frames of each sequence that count; nil when all do.
    let lengths: [Int]?

    /// Sequences that one thread takes through all steps.
    private static let grain = 16

    struct Saved {
        let input: Tensor
        let directions: [RecurrentDirection]
        /// The states of each direction.
        let states: Tensor
    }

    func forward(_ inputs: [Tensor], _ engine: Engine) -> (output: Tensor, saved: Saved) {
        let shape = inputs[0].shape
        let order = PackedOrder(sequences: shape[0], frames: shape[1], lengths: lengths)
        let each = parametersEach(inputs.count)
        let passes = (0..<directions).map { direction in
            RecurrentDirection(
                cell: cell, size: size, isReversed: direction == 1, order: order,
                parameters: Array(inputs[1 + direction * each..<1 + (direction + 1) * each]))
        }
        let count = passes[0].stateCount
        let states = engine.tensor([directions, count]) { base in
            withPackedInput(inputs[0], order, engine) { x in
                for (direction, pass) in passes.enumerated() { pass.project(x, base + direction * count, engine) }
            }
            let base = SharedPointer(base)
            forEachPart(order, engine) { direction, part in
                let pass = passes[direction]
                pass.run(part, pass.states(base.base + direction * count), engine.kernels)
            }
        }
        let width = directions * size
        let output = engine.tensor([shape[0], shape[1], width]) { y in
            if order.hasPadding { y.update(repeating: 0, count: shape[0] * shape[1] * width) }
            states.withElements { base in
                for (direction, pass) in passes.enumerated() {
                    let hidden = base + direction * count + order.rows * pass.gateWidth
                    order.forEachFrame { row, frame in
                        (y + frame * width + direction * size).update(from: hidden + row * size, count: size)
                    }
                }
            }
        }
        return (output, Saved(input: inputs[0], directions: passes, states: states))
    }

    func backward(_ gradient: Tensor, _ saved: Saved, _ inputs: GradientSinks, _ engine: Engine) {
        let passes = saved.directions
        let (count, order) = (passes[0].stateCount, passes[0].order)
        let gateCount = order.rows * passes[0].gateWidth
        engine.withScratch(directions * gateCount) { dGates in
            saved.states.withElements { base in
                // Backward only reads the states.
                let states = passes.indices.map { passes[$0].states(UnsafeMutablePointer(mutating: base) + $0 * count) }
                stepGradients(gradient, passes, states, dGates, engine)
                inputs.write(0) { dx, adds in inputGradient(passes, dGates, dx, adds, engine) }
                withPackedInput(saved.input, order, engine) { x in
                    for (direction, pass) in passes.enumerated() {
                        weightGradients(
                            pass, x, states[direction].hidden, dGates + direction * gateCount, inputs,
                            first: 1 + direction * parametersEach(inputs.variables.count), engine)
                    }
                }
            }
        }
    }

    // MARK: - Parts of backward

    /// The gradient of the gates of all frames and directions.
    private func stepGradients(
        _ gradient: Tensor, _ passes: [RecurrentDirection], _ states: [RecurrentDirection.States],
        _ dGates: Destination, _ engine: Engine
    ) {
        let order = passes[0].order
        let (rows, width) = (order.rows * size, directions * size)
        engine.withScratch(directions * rows) { dy in
            gradient.withElements { gradient in
                for direction in 0..<directions {
                    order.forEachFrame { row, frame in
                        (dy + direction * rows + row * size).update(
                            from: gradient + frame * width + direction * size, count: size)
                    }
                }
            }
            let (dy, dGates) = (SharedPointer(dy), SharedPointer(dGates))
            let bases = states.map { SharedPointer($0.gates) }
            forEachPart(order, engine) { direction, part in
                let pass = passes[direction]
                pass.runBack(
                    part, pass.states(bases[direction].base), dy.base + direction * rows,
                    dGates.base + direction * order.rows * pass.gateWidth, engine)
            }
        }
    }

    private func inputGradient(
        _ passes: [RecurrentDirection], _ dGates: Source, _ dx: Destination, _ adds: Bool, _ engine: Engine
    ) {
        let (order, features) = (passes[0].order, passes[0].features)
        engine.withScratch(order.rows * features) { packed in
            for (direction, pass) in passes.enumerated() {
                pass.inputGradient(
                    dGates + direction * order.rows * pass.gateWidth, packed, direction > 0, engine)
            }
            if order.hasPadding && !adds {
                dx.update(repeating: 0, count: order.sequences * order.frames * features)
            }
            order.forEachFrame { row, frame in
                let (source, target) = (packed + row * features, dx + frame * features)
                if adds {
                    engine.kernels.elementwise.accumulate(source, target, features)
                } else {
                    target.update(from: source, count: features)
                }
            }
        }
    }

    private func weightGradients(
        _ pass: RecurrentDirection, _ x: Source, _ hidden: Source, _ dGates: Source, _ inputs: GradientSinks,
        first: Int, _ engine: Engine
    ) {
        inputs.write(first) { dw, adds in pass.inputWeightGradient(dGates, x, dw, adds, engine) }
        inputs.write(first + 1) { dw, adds in pass.hiddenWeightGradient(dGates, hidden, dw, adds, engine) }
        guard pass.parameters.count > 2 else { return }
        engine.withScratch(pass.gateWidth) { sums in
            engine.kernels.rows.sum(dGates, sums, pass.order.rows, pass.gateWidth, false)
            inputs.write(first + 2) { db, adds in pass.inputBiasGradient(sums, db, adds) }
            inputs.write(first + 3) { db, adds in pass.hiddenBiasGradient(sums, db, adds) }
        }
    }

    // MARK: - Order

    private func parametersEach(_ inputs: Int) -> Int { (inputs - 1) / directions }

    /// Calls `body` with each direction and each part of the sequences, spread over the threads.
    private func forEachPart(
        _ order: PackedOrder, _ engine: Engine, _ body: @escaping @Sendable (_ direction: Int, Range<Int>) -> Void
    ) {
        let parts = (order.sequences + Self.grain - 1) / Self.grain
        engine.run(directions * parts) { index in
            let first = index / directions * Self.grain
            body(index % directions, first..<min(first + Self.grain, order.sequences))
        }
    }

    private func withPackedInput(_ input: Tensor, _ order: PackedOrder, _ engine: Engine, _ body: (Source) -> Void) {
        let features = input.shape[2]
        engine.withScratch(order.rows * features) { packed in
            input.withElements { x in
                order.forEachFrame { row, frame in
                    (packed + row * features).update(from: x + frame * features, count: features)
                }
            }
            body(packed)
        }
    }
}
