import CLinux
import Kernels
import KernelsBaseline

#if arch(x86_64)
import KernelsAVX2
import KernelsAVX512
#endif

/// What the engine's kernels are compiled for.
public enum InstructionSet: String, CaseIterable, Sendable {
    /// Skylake-server AVX-512 (F, BW, CD, DQ, VL) with fused multiply-add.
    case avx512
    /// AVX2 with fused multiply-add.
    case avx2
    /// What every CPU of the architecture has.
    case baseline

    /// Whether this CPU and operating system can run it.
    public var isSupported: Bool {
        switch self {
        case .avx512: linux_cpu_has_avx512()
        case .avx2: linux_cpu_has_avx2()
        case .baseline: true
        }
    }

    /// The widest one that this CPU can run.
    public static var best: InstructionSet { allCases.first(where: \.isSupported) ?? .baseline }

    /// The kernels compiled for it.
    var kernels: KernelSet {
        #if arch(x86_64)
        switch self {
        case .avx512: KernelsAVX512.kernelSet
        case .avx2: KernelsAVX2.kernelSet
        case .baseline: KernelsBaseline.kernelSet
        }
        #else
        KernelsBaseline.kernelSet
        #endif
    }
}
