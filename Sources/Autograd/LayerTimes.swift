/// The time that the operations of each layer took, for a profile of a step.
///
/// Time that is measured inside of other measured time counts once, for the inner layer.
public final class LayerTimes: @unchecked Sendable {  // Only the compute thread uses it; operations carry it along.
    /// The time of one layer over any number of passes.
    public struct Entry: Sendable {
        /// The layer's name in the model.
        public let layer: String
        /// Time in the forward functions of its operations.
        public var forward = Duration.zero
        /// Time in their backward functions.
        public var backward = Duration.zero
    }

    /// The layers in the order in which they were first computed.
    public private(set) var entries: [Entry] = []
    private var places: [String: Int] = [:]
    /// Time that was measured since the innermost measurement under way began.
    private var inner = Duration.zero

    /// No times yet.
    public init() {}

    /// Forgets all times, as after a warm-up.
    public func removeAll() {
        entries = []
        places = [:]
    }

    /// Adds the time of `body` to one direction of a layer's entry.
    public func measure<Result>(
        _ layer: String, _ direction: WritableKeyPath<Entry, Duration>, _ body: () -> Result
    ) -> Result {
        let outer = inner
        inner = .zero
        let start = ContinuousClock.now
        let result = body()
        let elapsed = start.duration(to: .now)
        let place = places[layer] ?? entries.count
        if place == entries.count {
            entries.append(Entry(layer: layer))
            places[layer] = place
        }
        entries[place][keyPath: direction] += elapsed - inner
        inner = outer + elapsed
        return result
    }
}
