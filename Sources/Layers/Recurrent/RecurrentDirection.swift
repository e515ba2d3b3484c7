import Kernels
import Tensors

/// One direction of a recurrent layer over a batch in packed order.
struct RecurrentDirection: Sendable {
    let cell: any RecurrentCell
    let size: Int
    let isReversed: Bool
    let order: PackedOrder
    /// W_ih `[blocks · size, features]`, W_hh `[blocks · size, size]` and, if there are biases, b_ih and b_hh.
    let parameters: [Tensor]

    /// Rows that one matrix product takes outside of the steps.
    private static let grain = 64

    var gateWidth: Int { cell.gateBlocks * size }
    var features: Int { parameters[0].shape[1] }
    /// Floats that forward keeps for backward.
    var stateCount: Int { order.rows * (gateWidth + (cell.keepsCells ? 2 : 1) * size) }

    /// Gates, hidden states and cells of all frames, in the memory that forward keeps.
    struct States {
        let gates, hidden, cells: Destination
    }

    func states(_ base: Destination) -> States {
        let hidden = base + order.rows * gateWidth
        return States(gates: base, hidden: hidden, cells: cell.keepsCells ? hidden + order.rows * size : hidden)
    }

    // MARK: - Forward

    /// Fills the gates of all frames with the biases and the input's part.
    func project(_ x: Source, _ gates: Destination, _ engine: Engine) {
        let (x, gates, bias) = (SharedSource(x), SharedPointer(gates), gateBias())
        engine.split(order.rows, grain: Self.grain) { part in
            bias.withElements { bias in
                for row in part { (gates.base + row * gateWidth).update(from: bias, count: gateWidth) }
            }
            parameters[0].withElements { w in
                for place in cell.inputBlocks {
                    multiply(
                        MatrixOperand(x.base + part.lowerBound * features, stride: features),
                        MatrixOperand(w + place.weights.lowerBound * size * features, stride: features).transposed,
                        into: gates.base + part.lowerBound * gateWidth + place.gates * size, stride: gateWidth,
                        m: part.count, n: place.weights.count * size, k: features, accumulate: true)
                }
            }
        }
    }

    /// Both biases in a row of gates.
    private func gateBias() -> Tensor {
        var row = [Float](repeating: 0, count: gateWidth)
        if parameters.count > 2 {
            let (input, hidden) = (parameters[2].elements, parameters[3].elements)
            for place in cell.inputBlocks {
                let first = place.weights.lowerBound * size
                for offset in 0..<place.weights.count * size {
                    row[place.gates * size + offset] = input[first + offset]
                }
            }
            for index in hidden.indices { row[cell.hiddenBlock * size + index] += hidden[index] }
        }
        return Tensor([gateWidth], row)
    }

    /// Takes some sequences through all steps.
    func run(_ sequences: Range<Int>, _ states: States, _ kernels: KernelSet) {
        parameters[1].withElements { w in
            for step in order.steps(reversed: isReversed).map({ $0.clipped(to: sequences) }) {
                multiply(
                    MatrixOperand(states.hidden + step.previousStart * size, stride: size),
                    MatrixOperand(w, stride: size).transposed,
                    into: states.gates + step.start * gateWidth + cell.hiddenBlock * size, stride: gateWidth,
                    m: step.previousCount, n: cell.weightBlocks * size, k: size, accumulate: true)
                for rows in rows(of: step, states) { cell.step(rows, kernels) }
            }
        }
    }

    /// The rows of a step that have a previous state, and those that begin.
    private func rows(of step: PackedOrder.Step, _ states: States) -> [StepRows] {
        let (first, before) = (step.start + step.previousCount, step.previousStart * size)
        return [
            StepRows(
                count: step.previousCount, size: size, gates: states.gates + step.start * gateWidth,
                cells: states.cells + step.start * size, hidden: states.hidden + step.start * size,
                previousCells: UnsafePointer(states.cells + before),
                previousHidden: UnsafePointer(states.hidden + before)),
            StepRows(
                count: step.count - step.previousCount, size: size, gates: states.gates + first * gateWidth,
                cells: states.cells + first * size, hidden: states.hidden + first * size, previousCells: nil,
                previousHidden: nil),
        ]
    }

    // MARK: - Backward

    /// Takes some sequences back through all steps: from dy `[rows, size]` to the gradient of the gates' sums.
    func runBack(
        _ sequences: Range<Int>, _ states: States, _ dy: Source, _ dGates: Destination, _ engine: Engine
    ) {
        engine.withScratch(2 * sequences.count * size) { dHidden in
            let dCells = dHidden + sequences.count * size
            dHidden.update(repeating: 0, count: 2 * sequences.count * size)
            parameters[1].withElements { w in
                for step in order.steps(reversed: isReversed).reversed().map({ $0.clipped(to: sequences) }) {
                    engine.kernels.elementwise.accumulate(dy + step.start * size, dHidden, step.count * size)
                    var first = 0
                    for rows in rows(of: step, states) {
                        let gradients = StepGradients(
                            hidden: dHidden + first * size, cells: dCells + first * size,
                            gates: dGates + (step.start + first) * gateWidth)
                        cell.stepGradient(rows, gradients, engine.kernels)
                        first += rows.count
                    }
                    multiply(
                        MatrixOperand(dGates + step.start * gateWidth + cell.hiddenBlock * size, stride: gateWidth),
                        MatrixOperand(w, stride: size), into: dHidden, stride: size, m: step.previousCount, n: size,
                        k: cell.weightBlocks * size, accumulate: cell.passesHidden)
                }
            }
        }
    }

    /// dx `[rows, features]` of all frames.
    func inputGradient(_ dGates: Source, _ dx: Destination, _ accumulate: Bool, _ engine: Engine) {
        let (dGates, dx) = (SharedSource(dGates), SharedPointer(dx))
        engine.split(order.rows, grain: Self.grain) { part in
            parameters[0].withElements { w in
                for (index, place) in cell.inputBlocks.enumerated() {
                    multiply(
                        MatrixOperand(
                            dGates.base + part.lowerBound * gateWidth + place.gates * size, stride: gateWidth),
                        MatrixOperand(w + place.weights.lowerBound * size * features, stride: features),
                        into: dx.base + part.lowerBound * features, stride: features, m: part.count, n: features,
                        k: place.weights.count * size, accumulate: accumulate || index > 0)
                }
            }
        }
    }

    /// The gradient of W_ih from x `[rows, features]`.
    func inputWeightGradient(
        _ dGates: Source, _ x: Source, _ dw: Destination, _ accumulate: Bool, _ engine: Engine
    ) {
        for place in cell.inputBlocks {
            weightGradient(
                dGates + place.gates * size, x, dw + place.weights.lowerBound * size * features,
                height: place.weights.count * size, width: features, accumulate, engine)
        }
    }

    /// The gradient of W_hh from the hidden states.
    func hiddenWeightGradient(
        _ dGates: Source, _ hidden: Source, _ dw: Destination, _ accumulate: Bool, _ engine: Engine
    ) {
        engine.withScratch(order.rows * size) { previous in
            for step in order.steps(reversed: isReversed) {
                let (row, count) = (previous + step.start * size, step.previousCount * size)
                row.update(from: hidden + step.previousStart * size, count: count)
                (row + count).update(repeating: 0, count: step.count * size - count)
            }
            weightGradient(
                dGates + cell.hiddenBlock * size, previous, dw, height: cell.weightBlocks * size, width: size,
                accumulate, engine)
        }
    }

    /// dw `[height, width]` from columns of the gates' gradient and x `[rows, width]`.
    private func weightGradient(
        _ dGates: Source, _ x: Source, _ dw: Destination, height: Int, width: Int, _ accumulate: Bool, _ engine: Engine
    ) {
        let (dGates, x, dw) = (SharedSource(dGates), SharedSource(x), SharedPointer(dw))
        engine.split(height, grain: Self.grain) { part in
            multiply(
                MatrixOperand(dGates.base + part.lowerBound, stride: gateWidth).transposed,
                MatrixOperand(x.base, stride: width), into: dw.base + part.lowerBound * width, stride: width,
                m: part.count, n: width, k: order.rows, accumulate: accumulate)
        }
    }

    /// The gradients of b_ih and b_hh from the sums of the gates' gradients over all rows.
    func inputBiasGradient(_ sums: Source, _ db: Destination, _ accumulate: Bool) {
        for place in cell.inputBlocks {
            add(sums + place.gates * size, db + place.weights.lowerBound * size, place.weights.count, accumulate)
        }
    }

    func hiddenBiasGradient(_ sums: Source, _ db: Destination, _ accumulate: Bool) {
        add(sums + cell.hiddenBlock * size, db, cell.weightBlocks, accumulate)
    }

    private func add(_ sums: Source, _ db: Destination, _ blocks: Int, _ accumulate: Bool) {
        for index in 0..<blocks * size { db[index] = (accumulate ? db[index] : 0) + sums[index] }
    }
}
