import Tensors
import TestSupport
import Testing

@Suite("Matrix products")
struct BLASTests {
    @Test(
        "a better core is asked for when the library does not use what the CPU has",
        arguments: [
            ("Prescott", InstructionSet.avx512, "SkylakeX"), ("Haswell", .avx512, "SkylakeX"),
            ("Zen", .avx512, "SkylakeX"),
            ("SkylakeX", .avx512, nil), ("Cooperlake", .avx512, nil), ("SapphireRapids", .avx512, nil),
            ("SKYLAKEX", .avx512, nil), ("Prescott", .avx2, "Haswell"), ("Nehalem", .avx2, "Haswell"),
            ("Haswell", .avx2, nil), ("Zen", .avx2, nil), ("Excavator", .avx2, nil), ("SkylakeX", .avx2, nil),
            ("Prescott", .baseline, nil), ("ARMV8", .baseline, nil),
        ] as [(String, InstructionSet, String?)])
    func betterCore(current: String, cpu: InstructionSet, better: String?) {
        #expect(BLAS.betterCore(than: current, on: cpu) == better)
    }

    @Test("the library names its core")
    func coreName() {
        #expect(!BLAS.coreName.isEmpty)
    }

    @Test("products agree with their definition, transposed, strided and accumulated", arguments: 0..<24)
    func products(seed: UInt64) {
        var generator = CaseGenerator(seed: seed)
        let (m, n, k) = (
            generator.integer(in: 1...19), generator.integer(in: 1...19), generator.integer(in: 0...19)
        )
        let (transposesA, transposesB) = (seed & 1 == 1, seed & 2 == 2)
        let gap = generator.integer(in: 0...3)
        let accumulates = seed & 4 == 4
        let (rowsA, columnsA) = transposesA ? (k, m) : (m, k)
        let (rowsB, columnsB) = transposesB ? (n, k) : (k, n)
        let (strideA, strideB, strideC) = (max(columnsA, 1) + gap, max(columnsB, 1) + gap, n + gap)
        let a = generator.tensor([max(rowsA, 1), strideA])
        let b = generator.tensor([max(rowsB, 1), strideB])
        let before = generator.tensor([m, strideC])
        var c = before
        a.withElements { a in
            b.withElements { b in
                c.withMutableElements { c in
                    let (a, b) = (MatrixOperand(a, stride: strideA), MatrixOperand(b, stride: strideB))
                    multiply(
                        transposesA ? a.transposed : a, transposesB ? b.transposed : b, into: c, stride: strideC,
                        m: m, n: n, k: k, accumulate: accumulates)
                }
            }
        }
        let (x, y, old) = (a.elements, b.elements, before.elements)
        var expected = old
        for row in 0..<m {
            for column in 0..<n {
                var sum = accumulates ? Double(old[row * strideC + column]) : 0
                for index in 0..<k {
                    let left = transposesA ? x[index * strideA + row] : x[row * strideA + index]
                    let right = transposesB ? y[column * strideB + index] : y[index * strideB + column]
                    sum += Double(left) * Double(right)
                }
                expected[row * strideC + column] = Float(sum)
            }
        }
        #expect(
            disagreement(c, Tensor(before.shape, expected), relative: 1e-6) == nil,
            "seed \(seed): \(m)×\(n)×\(k), gap \(gap)")
    }
}
