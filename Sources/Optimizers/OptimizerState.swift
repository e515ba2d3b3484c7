import Autograd
import Tensors

/// The state of an update rule: for each of its slots a block with the parameters' layout.
///
/// Confined to the compute thread.
public final class OptimizerState {
    /// The rule.
    public let optimizer: any Optimizer
    /// One block for each slot name.
    public let slots: [UnsafeMutablePointer<Float>]
    /// The number of updates so far.
    public private(set) var steps = 0
    /// Elements of each block.
    public let count: Int

    /// State before the first update of the parameters in `arena`.
    public init(_ optimizer: any Optimizer, for arena: ParameterArena) {
        self.optimizer = optimizer
        count = arena.parameterRange.count
        slots = optimizer.slotNames.map { [count] _ in
            let base = UnsafeMutableRawPointer.allocate(
                byteCount: max(count, 1) * 4, alignment: MemoryPool.alignment
            ).bindMemory(to: Float.self, capacity: max(count, 1))
            base.update(repeating: 0, count: count)
            return base
        }
    }

    deinit { for slot in slots { slot.deallocate() } }

    /// Moves the parameters once along the summed gradients of `block`.
    public func update(
        _ arena: ParameterArena, _ block: GradientBlock, learningRate: Float, gradientScale: Float, _ engine: Engine
    ) {
        let region = UpdateRegion(values: arena.values, gradients: block.base, slots: slots, count: count)
        let step = UpdateStep(index: steps, learningRate: learningRate, gradientScale: gradientScale)
        optimizer.update(region, step, engine)
        steps += 1
    }
}
