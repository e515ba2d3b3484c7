/// Up to where gradients are final while backward goes on: it reaches parameters about in the reverse of their order.
struct GradientFrontier {
    private let arena: ParameterArena
    private let firstUses: [Int]
    private let onFinal: (Int) -> Void
    /// The parameters before this one may still change.
    private var open: Int

    /// A frontier behind the last parameter.
    init(_ arena: ParameterArena, firstUses: [Int], onFinal: @escaping (Int) -> Void) {
        self.arena = arena
        self.firstUses = firstUses
        self.onFinal = onFinal
        open = arena.parameters.count
    }

    /// Moves past all parameters that none of the first `remaining` operations takes.
    mutating func move(remaining: Int) {
        let before = open
        while open > 0, firstUses[open - 1] >= remaining { open -= 1 }
        if open < before { onFinal(arena.parameters[open].range.lowerBound) }
    }
}
