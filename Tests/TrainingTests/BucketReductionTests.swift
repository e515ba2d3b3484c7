import Autograd
import Collectives
import Messaging
import Models
import Testing
import Threading
import Training

@Suite("Sums behind backward")
struct BucketReductionTests {
    private static let names = ["worker 0", "worker 1"]

    /// Rank `rank` of two, on different hosts unless `host` names one for both.
    private func group(
        _ rank: Int, _ transport: any Transport, host: String? = nil, deadline: Duration = .seconds(20)
    ) throws -> AllReduceGroup {
        AllReduceGroup(
            mailbox: SegmentMailbox(transport: transport, runID: 5), rank: rank,
            members: try Self.names.map { try PeerID($0) }, names: Self.names, generation: 1,
            algorithm: try AlgorithmCatalog.algorithm(named: "direct"), shards: [0..<1, 1..<2],
            hosts: Self.names.map { host ?? $0 }, deadline: deadline)
    }

    private func transports() throws -> [any Transport] {
        let network = InMemoryNetwork()
        let transports = try Self.names.map { try network.endpoint(PeerID($0), at: $0) }
        try transports[0].connect(to: transports[1].id, at: Self.names[1])
        return transports
    }

    private func configuration(_ overlap: String) throws -> RunConfiguration {
        try RunConfiguration.defaults(
            overrides: ["data.limit=100", "cluster.workers=2", "allreduce.overlap=\(overlap)"])
    }

    /// A block of `replica`'s gradients with elements of their own for each rank and step.
    private func fill(_ block: GradientBlock, rank: Int, step: Int) {
        for index in 0..<block.count { block.base[index] = 1 / Float(1 + index * 3 + rank * 7 + step) }
    }

    @Test("all buckets are summed, however many of them went early, and those that did count as hidden")
    func sums() throws {
        let transports = try transports()
        defer { for transport in transports { transport.close() } }
        let results = BlockingQueue<[[Float]]>()
        let threads = (0..<2).map { rank in
            DedicatedThread(name: "rank-\(rank)") {
                do {
                    let group = try group(rank, transports[rank])
                    let configuration = try configuration("auto")
                    let replica = try Replica(configuration, threads: 1, environmentPath: nil)
                    let memory = try group.makeMemory(
                        elements: GradientBlock.count(for: replica.model.arena), isInBackground: true)
                    let gradients = ShardGradients(replica, tree: group.tree, range: rank..<rank + 1, memory: memory)
                    let update = ParameterUpdate(replica, group, gradients, memory: memory)
                    let block = GradientBlock(for: replica.model.arena, memory: memory.takeBlock(), owner: memory)
                    let partials = [ShardNode(rank, rank + 1): block]
                    let sums = try (0..<3).map { step in
                        fill(block, rank: rank, step: step)
                        let start = try #require(update.begin(step: step))
                        // One rank hands over half of it early, the other everything at the end.
                        if rank == 0 && step > 0 { start(block.count / 2, partials) }
                        let sum = try update.reduce(partials)
                        #expect(rank == 0 && step > 0 ? update.hidden >= .zero : update.hidden == .zero)
                        return (0..<sum.count).map { sum.base[$0] }
                    }
                    results.push(sums)
                } catch {
                    Issue.record(error)
                    results.push([])
                }
            }
        }
        for thread in threads { thread.join() }
        for _ in threads {
            guard case .element(let sums) = results.pop() else { return }
            #expect(sums.count == 3)
            for (step, sum) in sums.enumerated() {
                #expect(
                    sum
                        == sum.indices.map { 1 / Float(1 + $0 * 3 + step) + 1 / Float(1 + $0 * 3 + 7 + step) })
            }
        }
    }

    @Test("a step that is given up leaves no sum behind")
    func giveUp() throws {
        let transports = try transports()
        defer { for transport in transports { transport.close() } }
        let group = try group(0, transports[0])
        let replica = try Replica(configuration("auto"), threads: 1, environmentPath: nil)
        let memory = try group.makeMemory(elements: GradientBlock.count(for: replica.model.arena))
        let gradients = ShardGradients(replica, tree: group.tree, range: 0..<1, memory: memory)
        let update = ParameterUpdate(replica, group, gradients, memory: memory)
        let block = GradientBlock(for: replica.model.arena, memory: memory.takeBlock(), owner: memory)
        let start = try #require(update.begin(step: 0))
        // The other rank never comes, and several buckets wait for it.
        start(1, [ShardNode(0, 1): block])
        try update.giveUp()
        let error = #expect(throws: CollectiveError.self) { try update.reduce([ShardNode(0, 1): block]) }
        #expect(error?.description.contains("step 0 was given up") == true, "\(String(describing: error))")
        try update.giveUp()
    }

    @Test(
        "a step that is given up after gradients were announced on a host ends the group there, and the other one's too"
    )
    func giveUpAnnounced() throws {
        let transports = try transports()
        defer { for transport in transports { transport.close() } }
        let complaints = BlockingQueue<String>()
        let threads = (0..<2).map { rank in
            DedicatedThread(name: "rank-\(rank)") {
                do {
                    let group = try group(rank, transports[rank], host: "a", deadline: .seconds(1))
                    let replica = try Replica(configuration("auto"), threads: 1, environmentPath: nil)
                    let memory = try group.makeMemory(elements: GradientBlock.count(for: replica.model.arena))
                    let gradients = ShardGradients(replica, tree: group.tree, range: rank..<rank + 1, memory: memory)
                    let update = ParameterUpdate(replica, group, gradients, memory: memory)
                    let block = GradientBlock(for: replica.model.arena, memory: memory.takeBlock(), owner: memory)
                    let partials = [ShardNode(rank, rank + 1): block]
                    let start = try #require(update.begin(step: 0))
                    if rank == 0 {
                        start(1, partials)
                        try update.giveUp()
                    }
                    let error = #expect(throws: CollectiveError.self) { try update.reduce(partials) }
                    complaints.push("\(rank): \(error.map { "\($0)" } ?? "")")
                } catch {
                    Issue.record(error)
                }
            }
        }
        for thread in threads { thread.join() }
        complaints.close()
        var found: [String] = []
        while case .element(let complaint) = complaints.pop() { found.append(complaint) }
        found.sort()
        #expect(found.count == 2)
        #expect(found.first?.contains("step 0 was given up") == true, "\(found)")
        // What was announced is summed; the rest never comes.
        #expect(found.last?.contains("worker 0") == true && found.last?.contains("bucket 1") == true, "\(found)")
    }

    @Test("sums wait for the end of backward on one host, or when that is asked for")
    func choice() throws {
        let transports = try transports()
        defer { for transport in transports { transport.close() } }
        let group = try group(0, transports[0])
        #expect(group.spansHosts)
        #expect(try configuration("auto").allreduce.overlaps(group))
        #expect(try configuration("always").allreduce.overlaps(group))
        #expect(try !configuration("never").allreduce.overlaps(group))
        let alone = AllReduceGroup(
            mailbox: SegmentMailbox(transport: transports[0], runID: 5), rank: 0, members: [transports[0].id],
            names: ["worker 0"], generation: 2, algorithm: try AlgorithmCatalog.algorithm(named: "direct"),
            shards: [0..<1], deadline: .seconds(1))
        for overlap in ["auto", "always", "never"] {
            #expect(try !configuration(overlap).allreduce.overlaps(alone))
        }
    }
}
