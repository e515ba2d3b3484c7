import Autograd
import Kernels
import Tensors

/// The state of an update rule: for each of its slots a block with the parameters' layout; and the moving average of
/// the weights, where one is kept.
///
/// Neighbouring parameters with equal settings are updated as one region, region by region in parts that stay in a
/// core's cache while rule and average pass over them.
///
/// Confined to the compute thread.
public final class OptimizerState {
    /// A part of the parameters that is updated at once.
    private struct Part: Sendable {
        let range: Range<Int>
        let region: Int
    }

    /// Elements of a part.
    private static let grain = 1 << 14

    /// The rule.
    public let optimizer: any Optimizer
    /// One block for each slot name.
    public let slots: [UnsafeMutablePointer<Float>]
    /// The number of updates so far.
    public private(set) var steps = 0
    /// Elements of each block.
    public let count: Int
    /// The exponential moving average of parameters and buffers; nil when none is kept.
    public let average: ParameterArena?
    private let averageShare: Float
    private let regions: [ParameterSettings]
    private let parts: [Part]

    /// State before the first update of the parameters in `arena`.
    ///
    /// - Parameter averageDecay: What the moving average of the weights keeps of its old value in each step; nil for no
    ///   average.
    /// - Throws: ``OptimizerError`` when a group of the configuration matches no parameter.
    public init(
        _ configuration: OptimizerConfiguration, for arena: ParameterArena, averageDecay: Double? = nil
    ) throws(OptimizerError) {
        optimizer = configuration.rule
        count = arena.parameterRange.count
        let settings = try configuration.settings(of: arena.parameters)
        var regions: [(settings: ParameterSettings, range: Range<Int>)] = []
        for (parameter, settings) in zip(arena.parameters, settings) {
            if let last = regions.last, last.settings == settings, !(optimizer is any LayerwiseOptimizer) {
                regions[regions.count - 1].range = last.range.lowerBound..<parameter.range.upperBound
            } else {
                regions.append((settings, parameter.range))
            }
        }
        self.regions = regions.map(\.settings)
        parts = regions.enumerated().flatMap { index, region in
            stride(from: region.range.lowerBound, to: region.range.upperBound, by: Self.grain).map { start in
                Part(range: start..<min(start + Self.grain, region.range.upperBound), region: index)
            }
        }
        slots = optimizer.slotNames.map { [count] _ in
            let base = UnsafeMutableRawPointer.allocate(
                byteCount: max(count, 1) * 4, alignment: MemoryPool.alignment
            ).bindMemory(to: Float.self, capacity: max(count, 1))
            base.update(repeating: 0, count: count)
            return base
        }
        average = averageDecay == nil ? nil : arena.copy()
        averageShare = Float(1 - (averageDecay ?? 0))
    }

    deinit { for slot in slots { slot.deallocate() } }

    /// Goes on as after `steps` updates, once the slots hold what they held then.
    public func resume(after steps: Int) { self.steps = steps }

    /// Moves the parameters once along the mean gradient of `block`, and the average after them.
    ///
    /// - Determinism: the same bits for any number of threads.
    public func update(
        _ arena: ParameterArena, _ block: GradientBlock, learningRate: Double, clipping: GradientClipping = .none,
        _ engine: Engine
    ) {
        let scaling = clipping.scaling(block, engine)
        var updates = regions.map { settings in
            UpdateStep(
                index: steps, learningRate: learningRate * settings.learningRateFactor,
                weightDecay: settings.weightDecay, scaling: scaling)
        }
        let (values, gradients) = (SharedPointer(arena.values), SharedSource(UnsafePointer(block.base)))
        let slots = slots.map { SharedPointer($0) }
        let region = { @Sendable (part: Part) in
            UpdateRegion(part.range, values: values, gradients: gradients, slots: slots)
        }
        if let layerwise = optimizer as? any LayerwiseOptimizer {
            setTrustRatios(layerwise, of: &updates, region, engine)
        }
        let (optimizer, kernels, share) = (optimizer, engine.kernels.update, averageShare)
        let averages = average.map { SharedPointer($0.values) }
        engine.run(parts.count) { [parts, updates] index in
            let part = parts[index]
            let step = updates[part.region]
            optimizer.update(region(part), step, kernels)
            if let averages {
                Self.average(values.base, averages.base, part.range, step.index, share, kernels)
            }
        }
        if let average {
            Self.average(arena.values, average.values, arena.bufferRange, steps, share, kernels)
            average.counts = arena.counts
        }
        steps += 1
    }

    /// Measures all regions, each of which is one parameter.
    private func setTrustRatios(
        _ rule: any LayerwiseOptimizer, of updates: inout [UpdateStep],
        _ region: @escaping @Sendable (Part) -> UpdateRegion, _ engine: Engine
    ) {
        let squares = engine.results(parts.count) { [parts, updates, kernels = engine.kernels.update] index in
            rule.measure(region(parts[index]), updates[parts[index].region], kernels)
        }
        var sums = [(Double, Double)](repeating: (0, 0), count: regions.count)
        for (part, (values, others)) in zip(parts, squares) {
            sums[part.region].0 += values
            sums[part.region].1 += others
        }
        for (index, (values, others)) in sums.enumerated() where regions[index].usesTrustRatio {
            updates[index].trustRatio = rule.trustRatio(values.squareRoot(), others.squareRoot(), updates[index])
        }
    }

    /// Moves a part of the average; the first step copies, as `torch.optim.swa_utils.AveragedModel` does.
    private static func average(
        _ values: UnsafeMutablePointer<Float>, _ average: UnsafeMutablePointer<Float>, _ range: Range<Int>,
        _ step: Int, _ share: Float, _ kernels: UpdateKernels
    ) {
        let start = range.lowerBound
        if step == 0 {
            (average + start).update(from: values + start, count: range.count)
        } else {
            kernels.average(values + start, average + start, range.count, share)
        }
    }
}
