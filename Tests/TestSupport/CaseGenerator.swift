import Tensors

/// Draws the cases of a property test; the seed that a failure prints draws the same ones again.
public struct CaseGenerator: Sendable {
    private var random: RandomStream

    /// The cases of `seed`.
    public init(seed: UInt64) { random = RandomStream(seed: seed, 0x7e57) }

    /// An integer of `range`.
    public mutating func integer(in range: ClosedRange<Int>) -> Int {
        range.lowerBound + random.integer(below: range.count)
    }

    /// One of `choices`, which must not be empty.
    public mutating func element<Element>(of choices: [Element]) -> Element {
        choices[random.integer(below: choices.count)]
    }

    /// A tensor of normal numbers around `mean`.
    public mutating func tensor(_ shape: Shape, mean: Float = 0) -> Tensor {
        Tensor(shape) { base in for index in 0..<shape.count { base[index] = mean + random.normal() } }
    }
}
