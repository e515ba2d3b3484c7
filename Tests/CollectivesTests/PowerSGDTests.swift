import Collectives
import Messaging
import Tensors
import Testing

@Suite("PowerSGD")
struct PowerSGDTests {
    /// A matrix of 40 by 50, a gap, a vector, and a matrix that is too small to gain.
    private static let shapes = [
        PowerSGD.Shape(0..<2000, rows: 40), .init(2016..<2066, rows: 50), .init(2080..<2104, rows: 4),
    ]
    private static let elements = 2112

    private func values(seed: UInt64, count: Int = elements) -> [Float] {
        var random = RandomStream(seed: seed)
        let gaps = [2000..<2016, 2066..<2080, 2104..<2112]
        return (0..<count).map { index in gaps.contains { $0.contains(index) } ? 0 : random.uniform(-1, 1) }
    }

    @Test("factors are much smaller than their matrices, and what cannot gain travels as it is")
    func layout() {
        let factors = PowerSGD(Self.shapes, elements: Self.elements, rank: 3, seed: 1)
        #expect(factors.leftRange == 0..<40 * 3 + 50 + 24)
        #expect(factors.rightRange == 194..<194 + 50 * 3)
        let none = PowerSGD(Self.shapes, elements: Self.elements, rank: 30, seed: 1)
        #expect(none.leftRange.count == 2000 + 50 + 24 && none.rightRange.isEmpty)
    }

    /// One step of one shard; the gradients that come out.
    private func step(_ factors: PowerSGD, _ gradients: [Float], memory: inout [Float]) -> [Float] {
        var block = gradients
        factors.formLeft(&block, memory: &memory)
        let sum = block
        guard factors.orthogonalize(sum) else { return [.nan] }
        var second = sum
        factors.formRight(&second, memory: &memory)
        var result = gradients
        factors.expand(second, into: &result)
        return result
    }

    @Test("a matrix of low rank comes through, the rest of another one is kept for later")
    func approximation() {
        let factors = PowerSGD(Self.shapes, elements: Self.elements, rank: 2, seed: 1)
        var memory = [Float](repeating: .nan, count: Self.elements)
        var low = values(seed: 2)
        for row in 0..<40 {
            for column in 0..<50 { low[row * 50 + column] = Float(row - 9) * 0.125 + Float(column % 7) * 0.25 }
        }
        let found = step(factors, low, memory: &memory)
        for index in 0..<Self.elements { #expect(abs(found[index] - low[index]) < 1e-4) }
        let full = values(seed: 3)
        let before = memory
        let rough = step(factors, full, memory: &memory)
        for index in 0..<Self.elements {
            #expect(abs(rough[index] + memory[index] - full[index] - before[index]) < 1e-5)
        }
        #expect(rough[2016..<2066] == full[2016..<2066] && rough[2080..<2104] == full[2080..<2104])
        #expect(memory[..<2000].contains { abs($0) > 0.1 } && memory[2000...].allSatisfy { $0 == 0 })
        // Only the closest matrix of that rank leaves less than this.
        let left = memory[..<2000].reduce(0) { $0 + $1 * $1 }
        #expect(left < full[..<2000].reduce(0) { $0 + $1 * $1 })
    }

    @Test("a gradient of zero does not end the approximation for ever")
    func zero() {
        let factors = PowerSGD(Self.shapes, elements: Self.elements, rank: 2, seed: 1)
        var memory = [Float](repeating: 0, count: Self.elements)
        #expect(step(factors, [Float](repeating: 0, count: Self.elements), memory: &memory).allSatisfy { $0 == 0 })
        #expect(step(factors, values(seed: 4), memory: &memory)[..<2000].contains { abs($0) > 0.01 })
    }

    @Test("what is not finite is told and forgotten", arguments: [Float.nan, .infinity])
    func notFinite(bad: Float) {
        let factors = PowerSGD(Self.shapes, elements: Self.elements, rank: 2, seed: 1)
        var memory = [Float](repeating: 0, count: Self.elements)
        _ = step(factors, values(seed: 4), memory: &memory)
        var block = values(seed: 5)
        block[700] = bad
        factors.formLeft(&block, memory: &memory)
        #expect(!factors.orthogonalize(block))
        var result = block
        factors.expand(block, into: &result)
        #expect(result.allSatisfy { $0.isNaN })
        let next = values(seed: 6)
        let found = step(factors, next, memory: &memory)
        #expect(found.allSatisfy { $0.isFinite } && memory.allSatisfy { $0.isFinite })
        for index in 0..<Self.elements { #expect(abs(found[index] + memory[index] - next[index]) < 1e-5) }
    }

    /// Gradient descent on 8 shards that want different parameters, on `hosts.count` workers; the parameters.
    private func train(rank: Int?, hosts: [String], steps: Int = 200) throws -> [Float] {
        let count = Self.elements
        let ranks = hosts.count
        let transports = try connectedTransports(ranks, overZeroMQ: false)
        defer { for transport in transports { transport.close() } }
        let targets = (0..<8).map { values(seed: 100 + UInt64($0)) }
        let results = onThreads(ranks) { number in
            let group = try makeGroup(
                rank: number, ranks: ranks, mailbox: SegmentMailbox(transport: transports[number], runID: 5), shards: 8,
                hosts: hosts, segmentElements: 100)
            let memory = try group.makeMemory(elements: count)
            let fold = FoldOrder(group.tree, range: group.shards[number])
            var free = (0..<fold.openPartials).map { _ in memory.takeBlock() }
            let factors = PowerSGD(Self.shapes, elements: count, rank: rank ?? 1, seed: 1)
            var errors = fold.range.map { _ in [Float](repeating: 0, count: count) }
            var parameters = [Float](repeating: 0, count: count)
            var gradients = parameters
            /// Fills a block for each shard, folds them and sums `range` over the ranks.
            func sum(
                _ step: Int, _ bucket: UInt32, _ range: Range<Int>, _ fill: (Int, UnsafeMutablePointer<Float>) -> Void
            )
                throws
            {
                var open: [ShardNode: UnsafeMutablePointer<Float>] = [:]
                for shard in fold.range {
                    let block = free.removeLast()
                    fill(shard, block)
                    open[ShardNode(shard, shard + 1)] = block
                    for addition in fold.additions(after: shard) {
                        guard let left = open.removeValue(forKey: addition.left),
                            let right = open.removeValue(forKey: addition.right)
                        else { continue }
                        for index in range { left[index] += right[index] }
                        open[addition.parent] = left
                        free.append(right)
                    }
                }
                try group.sum(step: UInt64(step), bucket: bucket, blocks: open, range: range)
                free += open.values
            }
            for step in 0..<steps {
                try sum(step, 0, rank == nil ? 0..<count : factors.leftRange) { shard, block in
                    for index in 0..<count { block[index] = parameters[index] - targets[shard][index] }
                    if rank != nil { factors.formLeft(block, memory: &errors[shard - fold.range.lowerBound]) }
                }
                if rank != nil {
                    #expect(factors.orthogonalize(memory.result))
                    try sum(step, 1, factors.rightRange) { shard, block in
                        factors.formRight(block, memory: &errors[shard - fold.range.lowerBound])
                    }
                    factors.expand(memory.result, into: &gradients)
                } else {
                    gradients = Array(UnsafeBufferPointer(start: memory.result, count: count))
                }
                for index in 0..<count { parameters[index] -= 0.01 * gradients[index] }
            }
            return parameters
        }
        let parameters = try results[0].get()
        for result in results { #expect(try result.get().bits == parameters.bits) }
        return parameters
    }

    @Test("training converges to the parameters that it has without")
    func convergence() throws {
        let exact = try train(rank: nil, hosts: ["a"])
        let found = try train(rank: 4, hosts: ["a"])
        #expect(found.bits != exact.bits)
        let scale = exact.map { abs($0) }.max() ?? 0
        let worst = zip(exact, found).map { abs($0 - $1) }.max() ?? 0
        #expect(scale > 0.5 && worst < 0.02 * scale, "\(worst) of \(scale)")
    }

    @Test("the result does not depend on the number of workers, nor on their hosts")
    func sameBits() throws {
        let one = try train(rank: 2, hosts: ["a"], steps: 10)
        for hosts in [["a", "a"], ["a", "b"], ["a", "b", "b"], ["a", "a", "b", "c", "c"]] {
            #expect(try train(rank: 2, hosts: hosts, steps: 10).bits == one.bits, "\(hosts)")
        }
    }
}
