import Autograd
import Kernels
import Tensors

/// Inputs x `[N, T, H, W, C]`, weight `[4 · size, C + size, kernel, kernel]` and, if there is one, bias `[4 · size]`.
///
/// A thread takes a clip through all its steps, so that what a step hands to the next stays in the thread's cache.
struct ConvolutionalRecurrence: Operation {
    let channels, size: Int
    let kernel: Int

    /// The most sums of the weights' gradient that are formed side by side, whatever the number of threads.
    private static let sums = 8

    struct Saved {
        let input: Tensor
        let weights: Parts<Tensor>
        /// Activations of the gates `[pixels, 4 · size]`, then cells `[pixels, size]`, of each frame.
        let states: Tensor
        let hidden: Tensor
    }

    /// What there is for the frame and for the previous hidden state.
    struct Parts<Part: Sendable>: Sendable {
        let frame, state: Part
    }

    /// The sizes of a batch of clips, and where in its tensors a frame's numbers begin.
    private struct Sizes {
        let clips, frames, pixels, channels, size: Int

        init(_ shape: Shape, size: Int) {
            (clips, frames, pixels, channels) = (shape[0], shape[1], shape[2] * shape[3], shape[4])
            self.size = size
        }

        var frameCount: Int { pixels * channels }
        var stateCount: Int { pixels * size }

        func frame(_ clip: Int, _ step: Int) -> Int { (clip * frames + step) * frameCount }
        func hidden(_ clip: Int, _ step: Int) -> Int { (clip * frames + step) * stateCount }
        func gates(_ clip: Int, _ step: Int) -> Int { (clip * frames + step) * 5 * stateCount }
        func cells(_ clip: Int, _ step: Int) -> Int { gates(clip, step) + 4 * stateCount }
    }

    private func convolutions(_ shape: Shape) -> Parts<PartialConvolution> {
        func part(first: Int, count: Int) -> PartialConvolution {
            let windows = Windows(
                input: [1, shape[2], shape[3]], channels: count, kernel: [1, kernel, kernel],
                padding: [0, kernel / 2, kernel / 2])
            return PartialConvolution(
                geometry: ConvolutionGeometry(windows: windows, outputs: 4 * size, groups: 1), firstChannel: first,
                allChannels: channels + size)
        }
        return Parts(frame: part(first: 0, count: channels), state: part(first: channels, count: size))
    }

    // MARK: - Forward

    func forward(_ inputs: [Tensor], _ engine: Engine) -> (output: Tensor, saved: Saved) {
        let shape = inputs[0].shape
        let sizes = Sizes(shape, size: size)
        let convolutions = convolutions(shape)
        let weights = Parts(
            frame: convolutions.frame.packed(inputs[1], engine), state: convolutions.state.packed(inputs[1], engine))
        let ready = Parts(
            frame: convolutions.frame.forwardWeights(weights.frame, engine),
            state: convolutions.state.forwardWeights(weights.state, engine))
        let bias = inputs.count > 2 ? inputs[2] : Tensor(zeros: [4 * size])
        // Written together with the output.
        var states = engine.tensor([sizes.clips, sizes.frames, 5 * sizes.stateCount]) { _ in }
        let hidden = engine.tensor(Shape(shape.dimensions.dropLast() + [size])) { hidden in
            states.withMutableElements { states in
                let (states, hidden) = (SharedPointer(states), SharedPointer(hidden))
                engine.run(sizes.clips) { clip in
                    inputs[0].withElements { x in
                        bias.withElements { bias in
                            for step in 0..<sizes.frames {
                                let gates = states.base + sizes.gates(clip, step)
                                convolutions.frame.forward(
                                    x + sizes.frame(clip, step), ready.frame, bias, gates, engine)
                                self.step(clip, step, sizes, convolutions, ready, states.base, hidden.base, engine)
                            }
                        }
                    }
                }
            }
        }
        return (hidden, Saved(input: inputs[0], weights: weights, states: states, hidden: hidden))
    }

    /// Adds the previous hidden state's part to the frame's, and computes the new states.
    private func step(
        _ clip: Int, _ step: Int, _ sizes: Sizes, _ convolutions: Parts<PartialConvolution>, _ weights: Parts<Tensor>,
        _ states: Destination, _ hidden: Destination, _ engine: Engine
    ) {
        func advance(addend: Source?, previous: Source?) {
            engine.kernels.recurrent.lstm(
                states + sizes.gates(clip, step), addend, previous, states + sizes.cells(clip, step),
                hidden + sizes.hidden(clip, step), sizes.pixels, size, .outputBeforeCandidate)
        }
        guard step > 0 else { return advance(addend: nil, previous: nil) }
        engine.withScratch(4 * sizes.stateCount) { part in
            convolutions.state.forward(hidden + sizes.hidden(clip, step - 1), weights.state, nil, part, engine)
            advance(addend: part, previous: states + sizes.cells(clip, step - 1))
        }
    }

    // MARK: - Backward

    /// Sums of gradients over some clips: of the weights and of the bias.
    private struct Sums {
        let frame, state, bias: Destination

        init(_ base: Destination, _ counts: Parts<Int>) {
            (frame, state, bias) = (base, base + counts.frame, base + counts.frame + counts.state)
        }
    }

    func backward(_ gradient: Tensor, _ saved: Saved, _ inputs: GradientSinks, _ engine: Engine) {
        let sizes = Sizes(saved.input.shape, size: size)
        let convolutions = convolutions(saved.input.shape)
        let counts = Parts(frame: convolutions.frame.weightSums(engine), state: convolutions.state.weightSums(engine))
        let each = counts.frame + counts.state + 4 * size
        let parts = min(max(sizes.clips, 1), Self.sums)
        engine.withScratch(parts * each) { base in
            base.update(repeating: 0, count: parts * each)
            func goBack(_ dx: Destination?, _ adds: Bool) {
                let (sums, dx) = (SharedPointer(base), dx.map(SharedPointer.init))
                let reversed = Parts(
                    frame: convolutions.frame.inputGradientWeights(saved.weights.frame, engine),
                    state: convolutions.state.inputGradientWeights(saved.weights.state, engine))
                engine.split(sizes.clips, parts: parts) { part, clips in
                    for clip in clips {
                        self.goBack(
                            clip, sizes, saved, gradient, convolutions, reversed, dx?.base, adds,
                            Sums(sums.base + part * each, counts), engine)
                    }
                }
            }
            if inputs.wants(0) {
                inputs.write(0) { dx, adds in
                    goBack(dx, adds)
                }
            } else {
                goBack(nil, false)
            }
            for part in 1..<parts { engine.kernels.elementwise.accumulate(base + part * each, base, each) }
            let sums = Sums(base, counts)
            inputs.write(1) { dw, adds in
                convolutions.frame.unpack(sums.frame, dw, adds, engine)
                convolutions.state.unpack(sums.state, dw, adds, engine)
            }
            guard inputs.variables.count > 2 else { return }
            inputs.write(2) { db, adds in
                for index in 0..<4 * size { db[index] = (adds ? db[index] : 0) + sums.bias[index] }
            }
        }
    }

    /// Takes a clip back through all its steps.
    private func goBack(
        _ clip: Int, _ sizes: Sizes, _ saved: Saved, _ gradient: Tensor, _ convolutions: Parts<PartialConvolution>,
        _ reversed: Parts<Tensor>, _ dx: Destination?, _ adds: Bool, _ sums: Sums, _ engine: Engine
    ) {
        let count = sizes.stateCount
        // The gradients of a step's gates, hidden states and cells.
        engine.withScratch(6 * count) { dGates in
            let (dHidden, dCells) = (dGates + 4 * count, dGates + 5 * count)
            dHidden.update(repeating: 0, count: 2 * count)
            saved.states.withElements { states in
                for step in (0..<sizes.frames).reversed() {
                    gradient.withElements {
                        engine.kernels.elementwise.accumulate($0 + sizes.hidden(clip, step), dHidden, count)
                    }
                    engine.kernels.recurrent.lstmGradient(
                        states + sizes.gates(clip, step), step > 0 ? states + sizes.cells(clip, step - 1) : nil,
                        states + sizes.cells(clip, step), dHidden, dCells, dGates, sizes.pixels, size,
                        .outputBeforeCandidate)
                    engine.kernels.rows.sum(dGates, sums.bias, sizes.pixels, 4 * size, true)
                    saved.input.withElements {
                        convolutions.frame.addWeightGradient(
                            $0 + sizes.frame(clip, step), dGates, sums.frame, engine)
                    }
                    if let dx {
                        convolutions.frame.inputGradient(
                            dGates, reversed.frame, dx + sizes.frame(clip, step), adds, engine)
                    }
                    guard step > 0 else { return }
                    saved.hidden.withElements {
                        convolutions.state.addWeightGradient(
                            $0 + sizes.hidden(clip, step - 1), dGates, sums.state, engine)
                    }
                    convolutions.state.inputGradient(dGates, reversed.state, dHidden, false, engine)
                }
            }
        }
    }
}
