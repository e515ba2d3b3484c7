/// What it costs to send between workers, for the choice of an algorithm.
public struct LinkCost: Hashable, Sendable {
    /// Seconds that sender and receiver each spend on a message, whatever its size.
    public let messageSeconds: Double
    /// Seconds for which a message is on its way.
    public let latencySeconds: Double
    /// Seconds a byte on a rank's link, which carries both directions at once.
    public let byteSeconds: Double

    /// A link of known cost.
    public init(messageSeconds: Double, latencySeconds: Double, byteSeconds: Double) {
        self.messageSeconds = messageSeconds
        self.latencySeconds = latencySeconds
        self.byteSeconds = byteSeconds
    }

    /// Hosts on a network of 1 Gbit/s, as measured between two network namespaces (docs/performance.md).
    ///
    /// Other networks move the sizes at which the choice changes, not what is chosen for very small and very large ones.
    public static let usual = LinkCost(messageSeconds: 25e-6, latencySeconds: 80e-6, byteSeconds: 8.3e-9)

    /// How long the plans of all ranks take together: the work of the busiest rank, and the longest chain of messages.
    public func seconds(_ plans: [Plan]) -> Double {
        let work = plans.map { plan in
            let sent = plan.stages.reduce(0) { $0 + $1.range.count * $1.sends.count }
            let received = plan.stages.reduce(0) { $0 + $1.range.count * $1.receives.count }
            let messages = plan.stages.reduce(0) { $0 + $1.sends.count + $1.receives.count }
            return Double(messages) * messageSeconds + Double(max(sent, received) * 4) * byteSeconds
        }
        return (work.max() ?? 0) + Double(chain(plans)) * latencySeconds
    }

    /// The most messages of which each waits for the one before.
    private func chain(_ plans: [Plan]) -> Int {
        struct Message: Hashable {
            let from: Int
            let transfer: Plan.Transfer
        }
        var sent: [Message: [(range: Range<Int>, depth: Int)]] = [:]
        var waiting = plans.map(\.stages)
        var longest = 0
        var isMoving = true
        while isMoving {
            isMoving = false
            for rank in plans.indices {
                waiting[rank].removeAll { stage in
                    var depth = 0
                    for receive in stage.receives {
                        let message = Message(
                            from: receive.peer, transfer: .init(receive.phase, receive.node, peer: rank))
                        let found = sent[message]?.first { $0.range.contains(stage.range) }
                        guard let found else { return false }
                        depth = max(depth, found.depth)
                    }
                    longest = max(longest, depth)
                    for send in stage.sends {
                        sent[Message(from: rank, transfer: send), default: []].append((stage.range, depth + 1))
                    }
                    isMoving = true
                    return true
                }
            }
        }
        return longest
    }
}
