import Tensors
import TestSupport
import Testing

@Suite("Orthonormalization")
struct OrthonormalizationTests {
    @Test(
        "gives orthonormal vectors, each a combination of the ones up to it with a positive share of itself",
        arguments: [(1, 1), (1, 7), (3, 3), (5, 19), (40, 40), (33, 130)])
    func definition(count: Int, length: Int) {
        var generator = CaseGenerator(seed: UInt64(count * 1000 + length))
        let before = generator.tensor([count, length]).elements
        var after = before
        after.withUnsafeMutableBufferPointer { buffer in
            guard let base = buffer.baseAddress else { return }
            orthonormalize(base, count: count, length: length)
        }
        func product(_ a: [Float], _ i: Int, _ b: [Float], _ j: Int) -> Double {
            (0..<length).reduce(0) { $0 + Double(a[i * length + $1]) * Double(b[j * length + $1]) }
        }
        for i in 0..<count {
            for j in 0...i { #expect(abs(product(after, i, after, j) - (i == j ? 1 : 0)) < 1e-5) }
            // The original vector has no share of the later ones.
            for j in i + 1..<max(count, i + 1) { #expect(abs(product(before, i, after, j)) < 1e-4) }
            #expect(product(before, i, after, i) > 0)
        }
    }
}
