import Collectives
import Configuration
import Tensors
import Testing

@Suite("All-reduce plans")
struct PlanTests {
    @Test(
        "every rank of every plan ends with the whole root, summed up the tree",
        arguments: AlgorithmCatalog.all.map { $0.name })
    func complete(name: String) throws {
        for ranks in 1...17 {
            let algorithm = try AlgorithmCatalog.algorithm(named: name)
            for shards in Set(Array(ranks...(ranks + 9)) + [max(8, ranks), max(16, ranks)]) {
                let tree = ShardTree(shards: shards)
                let counts = shards == ranks ? [0, 1, ranks - 1, ranks, ranks + 1, 1000, 4097] : [ranks + 1]
                for count in counts {
                    let ranges = tree.evenRanges(workers: ranks)
                    let problem = SymbolicRun(algorithm, tree: tree, shards: ranges, count: count).problem()
                    #expect(problem == nil, "\(ranks) ranks, \(shards) shards, \(count) elements")
                }
            }
        }
    }

    @Test("uneven shares and ranks without shards make no difference", arguments: AlgorithmCatalog.all.map { $0.name })
    func uneven(name: String) throws {
        for seed in UInt64(0)..<100 {
            var random = RandomStream(seed: seed)
            let ranks = 1 + random.integer(below: 9)
            let tree = ShardTree(shards: 1 + random.integer(below: 20))
            let cuts = (1..<ranks).map { _ in random.integer(below: tree.shards + 1) }.sorted()
            let bounds = [0] + cuts + [tree.shards]
            let ranges = (0..<ranks).map { bounds[$0]..<bounds[$0 + 1] }
            let algorithm = try AlgorithmCatalog.algorithm(named: name)
            let problem = SymbolicRun(algorithm, tree: tree, shards: ranges, count: 37).problem()
            #expect(problem == nil, "seed \(seed), shards \(ranges)")
        }
    }

    @Test("direct sends the least number of elements, up to the rounding of slices")
    func bytesOfDirect() {
        for ranks in 1...17 {
            let tree = ShardTree(shards: ranks)
            for count in [0, 1, 1000, 4097] {
                let slice = (count + ranks - 1) / ranks
                for rank in 0..<ranks {
                    let plan = DirectAllReduce().plan(
                        rank: rank, shards: tree.evenRanges(workers: ranks), tree: tree, count: count)
                    let sent = plan.stages.reduce(0) { $0 + $1.range.count * $1.sends.count }
                    let received = plan.stages.reduce(0) { $0 + $1.range.count * $1.receives.count }
                    #expect(sent <= 2 * (ranks - 1) * slice)
                    #expect(received <= 2 * (ranks - 1) * slice)
                }
            }
        }
    }

    @Test("tree sends P - 1 messages up and P - 1 down")
    func messagesOfTree() {
        for ranks in 1...17 {
            let tree = ShardTree(shards: ranks)
            let ranges = tree.evenRanges(workers: ranks)
            let plans = (0..<ranks).map { TreeAllReduce().plan(rank: $0, shards: ranges, tree: tree, count: 5) }
            let sends = plans.flatMap(\.stages).flatMap(\.sends)
            #expect(sends.filter { $0.phase == .reduce }.count == ranks - 1)
            #expect(sends.filter { $0.phase == .broadcast }.count == ranks - 1)
        }
    }

    @Test("halving and doubling speaks to log2 P others and sends as little as direct")
    func partnersOfHalvingDoubling() {
        for rounds in 0...4 {
            let ranks = 1 << rounds
            let ranges = ShardTree(shards: ranks).evenRanges(workers: ranks)
            for rank in 0..<ranks {
                let plan = HalvingDoublingAllReduce().plan(
                    rank: rank, shards: ranges, tree: ShardTree(shards: ranks), count: 1024)
                #expect(Set(plan.stages.flatMap(\.sends).map(\.peer)).count == rounds)
                let sent = plan.stages.reduce(0) { $0 + $1.range.count * $1.sends.count }
                #expect(sent == 2 * (1024 - 1024 / ranks))
                #expect(plan.stages.flatMap(\.sends).filter { $0.phase == .reduceScatter }.count == rounds)
            }
        }
    }

    @Test("a ring's ranks send to their successor alone")
    func successorsOfRing() {
        for ranks in 2...17 {
            let tree = ShardTree(shards: ranks)
            for rank in 0..<ranks {
                let plan = RingAllReduce().plan(
                    rank: rank, shards: tree.evenRanges(workers: ranks), tree: tree, count: 100)
                #expect(Set(plan.stages.flatMap(\.sends).map(\.peer)) == [(rank + 1) % ranks])
                #expect(Set(plan.stages.flatMap(\.receives).map(\.peer)) == [(rank + ranks - 1) % ranks])
            }
        }
    }

    @Test("the cost of plans is the busiest rank's work and the longest chain of messages")
    func cost() {
        // Two ranks exchange halves of 10 elements, and then the other halves.
        let tree = ShardTree(shards: 2)
        let link = LinkCost(messageSeconds: 1, latencySeconds: 10, byteSeconds: 0.1)
        let plans = (0..<2).map {
            DirectAllReduce().plan(rank: $0, shards: tree.evenRanges(workers: 2), tree: tree, count: 10)
        }
        // In each of two rounds: a message to send, 20 bytes, the way, a message to take.
        #expect(abs(link.seconds(plans) - 2 * (1 + 2 + 10 + 1)) < 1e-9)
    }

    @Test("small sums among many ranks go up and down a tree or by halves, large ones directly")
    func choice() {
        for (ranks, count, names) in [
            (2, 1, ["direct"]), (16, 1, ["tree", "halving_doubling"]), (16, 1 << 22, ["direct", "halving_doubling"]),
            (4, 1 << 22, ["direct", "halving_doubling"]), (40, 1, ["direct"]),
        ] {
            let tree = ShardTree(shards: ranks)
            let choice = AutomaticAllReduce().choice(
                shards: tree.evenRanges(workers: ranks), tree: tree, count: count)
            #expect(names.contains(type(of: choice).name), "\(ranks) ranks, \(count) elements")
        }
    }

    @Test("an unknown algorithm is refused with the known names")
    func unknownAlgorithm() throws {
        let error = #expect(throws: UnknownName.self) {
            try AlgorithmCatalog.algorithm(named: "ringg")
        }
        #expect(
            error?.description == """
                unknown all-reduce algorithm 'ringg'; known: auto, direct, halving_doubling, ring, tree; did you mean \
                'ring'?
                """)
    }
}

/// All ranks' plans, carried out without data.
private struct SymbolicRun {
    private struct Message: Hashable {
        let from: Int
        let to: Int
        let phase: Plan.Phase
        let node: ShardNode
    }

    /// The elements that were sent, and those of them that were received.
    private struct Travel {
        var sent: [Range<Int>] = []
        var received: [Range<Int>] = []
        var isComplete: Bool { sent.reduce(0) { $0 + $1.count } == received.reduce(0) { $0 + $1.count } }
    }

    private let tree: ShardTree
    private let own: [[ShardNode]]
    private let plans: [Plan]
    private let count: Int

    init(_ algorithm: any AllReduceAlgorithm, tree: ShardTree, shards: [Range<Int>], count: Int) {
        self.tree = tree
        self.count = count
        own = shards.map { tree.maximalNodes(in: $0) }
        plans = shards.indices.map { algorithm.plan(rank: $0, shards: shards, tree: tree, count: count) }
    }

    /// The first thing that is wrong; nil for good plans.
    func problem() -> String? {
        var travels: [Message: Travel] = [:]
        var waiting = plans.enumerated().flatMap { rank, plan in plan.stages.map { (rank: rank, stage: $0) } }
        var finished = plans.map { _ in [Range<Int>]() }
        while true {
            let before = waiting.count
            var blocked: [(rank: Int, stage: Plan.Stage)] = []
            for (rank, stage) in waiting {
                let inputs = stage.receives.map {
                    Message(from: $0.peer, to: rank, phase: $0.phase, node: $0.node)
                }
                // A stage may take a part of what was sent at once, but nothing that came in two messages.
                guard inputs.allSatisfy({ travels[$0]?.sent.contains { $0.contains(stage.range) } ?? false }) else {
                    blocked.append((rank, stage))
                    continue
                }
                if let problem = check(stage, of: rank) { return "rank \(rank): \(problem)" }
                for input in inputs {
                    if travels[input]?.received.contains(where: { $0.overlaps(stage.range) }) ?? true {
                        return "rank \(rank) takes \(input) twice"
                    }
                    travels[input]?.received.append(stage.range)
                }
                if stage.result == tree.root { finished[rank].append(stage.range) }
                for send in stage.sends {
                    let message = Message(from: rank, to: send.peer, phase: send.phase, node: send.node)
                    if travels[message]?.sent.contains(where: { $0.overlaps(stage.range) }) ?? false {
                        return "\(message) is sent twice"
                    }
                    travels[message, default: Travel()].sent.append(stage.range)
                }
            }
            waiting = blocked
            if waiting.isEmpty { break }
            if waiting.count == before { return "\(waiting.count) stages wait for ever" }
        }
        if let message = travels.first(where: { !$0.value.isComplete })?.key { return "nobody receives \(message)" }
        for (rank, ranges) in finished.enumerated() {
            var next = 0
            for range in ranges.sorted(by: { $0.lowerBound < $1.lowerBound }) {
                if range.lowerBound != next { return "rank \(rank) ends with \(ranges) of \(count) elements" }
                next = range.upperBound
            }
            if next != count { return "rank \(rank) ends with \(ranges) of \(count) elements" }
        }
        return nil
    }

    private func check(_ stage: Plan.Stage, of rank: Int) -> String? {
        let received = stage.receives.map(\.node)
        for send in stage.sends {
            if send.peer == rank { return "it sends to itself" }
            if send.node != stage.result && !own[rank].contains(send.node) { return "it sends \(send.node) unformed" }
        }
        guard let result = stage.result else {
            return received.isEmpty && stage.operands.isEmpty ? nil : "it receives for nothing"
        }
        if let unused = received.first(where: { !stage.operands.contains($0) }) { return "\(unused) is not used" }
        for operand in stage.operands where !received.contains(operand) && !own[rank].contains(operand) {
            return "it has no \(operand)"
        }
        return uses(of: result, stage.operands) == stage.operands ? nil : "\(stage.operands) do not make up \(result)"
    }

    /// The operands met on the way down from `node`, adding children only; nil stands for a missing one.
    private func uses(of node: ShardNode, _ operands: [ShardNode]) -> [ShardNode?] {
        if operands.contains(node) { return [node] }
        guard let children = node.children else { return [nil] }
        return uses(of: children.left, operands) + uses(of: children.right, operands)
    }
}
