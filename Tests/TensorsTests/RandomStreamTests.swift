import Tensors
import Testing

@Suite("Random streams")
struct RandomStreamTests {
    @Test("the first numbers of a stream are the known ones")
    func knownValues() {
        // SplitMix64 as published gives these from state 0; `mixed` is its output function.
        #expect(RandomStream.mixed(RandomStream.increment) == 0xe220_a839_7b1d_cdaf)
        #expect(RandomStream.mixed(2 &* RandomStream.increment) == 0x6e78_9e6a_a1b9_65f4)
        #expect(RandomStream.mixed(3 &* RandomStream.increment) == 0x06c4_5d18_8009_454f)
    }

    @Test("number i from a position can be computed without the ones before it")
    func positions() {
        var stream = RandomStream(seed: 9, 1, 2)
        let position = stream.position
        for index in 0..<10 as Range<UInt64> {
            #expect(stream.next() == RandomStream.mixed(position &+ (index + 1) &* RandomStream.increment))
        }
    }

    @Test("streams differ by seed, by path, by its order and by its length")
    func paths() {
        let paths: [(UInt64, [UInt64])] = [
            (1, []), (2, []), (1, [0]), (1, [1]), (1, [0, 0]), (1, [0, 1]), (1, [1, 0]), (2, [0, 1]), (0, []), (0, [1]),
            (0, [0]), (2, [2]), (2, [1]), (1, [2]),
        ]
        let firsts = paths.map { seed, path in
            var stream = RandomStream(seed: seed, path: path)
            return stream.next()
        }
        #expect(Set(firsts).count == paths.count)
        var (listed, spelled) = (RandomStream(seed: 3, path: [4, 5]), RandomStream(seed: 3, 4, 5))
        #expect(listed.next() == spelled.next())
    }

    @Test("uniform numbers fill [0, 1) evenly")
    func uniform() {
        var stream = RandomStream(seed: 1)
        var bins = [Int](repeating: 0, count: 16)
        let count = 32_000
        for _ in 0..<count {
            let number = stream.uniform()
            #expect((0..<1).contains(number))
            bins[Int(number * 16)] += 1
        }
        #expect(chiSquare(bins, expected: Double(count) / 16) < 37.7)  // 15 degrees of freedom, one in a thousand.
    }

    @Test("uniform numbers stay below an upper bound next to which they would round")
    func upperBound() {
        // Half of the numbers between these bounds round up to the upper one.
        let lower: Float = 1
        var stream = RandomStream(seed: 2)
        for _ in 0..<64 { #expect(stream.uniform(lower, lower.nextUp) == lower) }
    }

    @Test("integers below a bound are equally likely")
    func integers() {
        var stream = RandomStream(seed: 2)
        var bins = [Int](repeating: 0, count: 10)
        for _ in 0..<20_000 { bins[stream.integer(below: 10)] += 1 }
        #expect(chiSquare(bins, expected: 2000) < 27.9)  // 9 degrees of freedom, one in a thousand.
    }

    @Test("normal numbers have mean 0, variance 1 and the tails of a normal distribution")
    func normal() {
        var stream = RandomStream(seed: 3)
        let count = 20_000
        let numbers = (0..<count).map { _ in Double(stream.normal()) }
        let mean = numbers.reduce(0, +) / Double(count)
        let variance = numbers.reduce(0) { $0 + $1 * $1 } / Double(count)
        #expect(abs(mean) < 4 / Double(count).squareRoot())
        #expect(abs(variance - 1) < 4 * (2 / Double(count)).squareRoot())
        let tail = Double(numbers.filter { abs($0) > 1.959_964 }.count)
        #expect(abs(tail - 0.05 * Double(count)) < 4 * (0.0475 * Double(count)).squareRoot())
    }

    @Test("neighbouring streams are uncorrelated")
    func independence() {
        let count = 4000
        for index in 0..<4 as Range<UInt64> {
            var (a, b) = (RandomStream(seed: 1, index), RandomStream(seed: 1, index + 1))
            var sum = 0.0
            for _ in 0..<count { sum += Double(a.normal()) * Double(b.normal()) }
            #expect(abs(sum) < 4 * Double(count).squareRoot(), "streams \(index) and \(index + 1)")
        }
    }

    private func chiSquare(_ bins: [Int], expected: Double) -> Double {
        bins.reduce(0) { $0 + (Double($1) - expected) * (Double($1) - expected) / expected }
    }
}
