// swift-tools-version: 6.2
import PackageDescription

/// Kernels are one set of sources compiled once for each instruction set; the folders hold links to `KernelSources`.
func kernels(_ instructionSet: String, march: String?) -> Target {
    var settings: [SwiftSetting] = [.define(instructionSet.uppercased()), .unsafeFlags(["-Ounchecked"])]
    if let march { settings.append(.unsafeFlags(["-Xcc", "-march=\(march)", "-Xllvm", "-unroll-threshold=2000"])) }
    return .target(
        name: "Kernels\(instructionSet)",
        dependencies: ["Kernels", "CIntrinsics"], swiftSettings: settings)
}

#if arch(x86_64)
let kernelTargets = [
    kernels("Baseline", march: nil), kernels("AVX2", march: "haswell"), kernels("AVX512", march: "skylake-avx512"),
]
#else
let kernelTargets = [kernels("Baseline", march: nil)]
#endif

let package = Package(
    name: "convoy",
    platforms: [.macOS(.v15)],
    products: [.executable(name: "convoy", targets: ["convoy"])],
    dependencies: [
        .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.2"),
        .package(url: "https://github.com/apple/swift-log", from: "1.16.2"),
        .package(url: "https://github.com/jpsim/Yams", from: "6.2.2"),
    ],
    targets: [
        // Row 0: system libraries, C shims of a few lines, SIMD kernels.
        .systemLibrary(name: "COpenBLAS", providers: [.apt(["libopenblas-dev"])]),
        .systemLibrary(name: "CZeroMQ", providers: [.apt(["libzmq3-dev"])]),
        .systemLibrary(name: "COpenSSL", providers: [.apt(["libssl-dev"])]),
        .systemLibrary(
            name: "CFFmpeg",
            providers: [.apt(["libavformat-dev", "libavcodec-dev", "libswscale-dev", "libavutil-dev"])]),
        .systemLibrary(name: "CArchive", providers: [.apt(["libarchive-dev"])]),
        .systemLibrary(name: "CIntrinsics"),
        .target(name: "CLinux"),
        .target(name: "Kernels"),
        // Row 1
        .target(name: "Threading", dependencies: ["CLinux"]),
        .target(name: "Media", dependencies: ["CFFmpeg"]),
        .target(name: "Archives", dependencies: ["CArchive"]),
        .target(name: "Hashing", dependencies: ["COpenSSL"]),
        .target(name: "Configuration", dependencies: ["Hashing", "Yams"]),
        .target(
            name: "Tensors",
            dependencies: ["COpenBLAS", "CLinux", "Kernels", "Threading"]
                + kernelTargets.map { .target(name: $0.name) }),
        // Row 2
        .target(name: "Autograd", dependencies: ["Kernels", "Tensors"]),
        .target(
            name: "Datasets",
            dependencies: ["Tensors", "Threading", "Hashing", "Configuration", "Media", "Archives"]),
        .target(name: "Checkpoints", dependencies: ["Hashing"]),
        .target(name: "Messaging", dependencies: ["CZeroMQ", "CLinux", "Threading"]),
        // Row 3
        .target(name: "Layers", dependencies: ["Kernels", "Autograd", "Tensors", "Configuration"]),
        .target(name: "Optimizers", dependencies: ["Kernels", "Autograd", "Tensors", "Configuration"]),
        .target(name: "Collectives", dependencies: ["Messaging", "Threading", "Configuration", "Tensors"]),
        .target(
            name: "Cluster",
            dependencies: [
                "Messaging", "Threading", "Configuration", "CLinux", .product(name: "Logging", package: "swift-log"),
            ]),
        // Row 4
        .target(name: "Models", dependencies: ["Layers", "Autograd", "Tensors", "Configuration"]),
        // Row 5
        .target(
            name: "Training",
            dependencies: [
                "Models", "Layers", "Optimizers", "Collectives", "Cluster", "Autograd", "Datasets", "Checkpoints",
                "Messaging", "Threading", "Hashing", "Configuration", "Tensors",
                .product(name: "Logging", package: "swift-log"),
            ]),
        // Row 6
        .executableTarget(
            name: "convoy",
            dependencies: [
                "Training", "Autograd", "Cluster", "Messaging", "Configuration", "Datasets", "Models", "Tensors",
                "Threading",
                .product(name: "ArgumentParser", package: "swift-argument-parser"),
                .product(name: "Logging", package: "swift-log"),
            ]),
        // Tests
        .target(
            name: "TestSupport", dependencies: ["Kernels", "Layers", "Autograd", "Tensors", "Checkpoints"],
            path: "Tests/TestSupport"),
        .testTarget(name: "ConfigurationTests", dependencies: ["Configuration"]),
        .testTarget(name: "CheckpointsTests", dependencies: ["Checkpoints", "Hashing", "TestSupport"]),
        .testTarget(
            name: "DatasetsTests",
            dependencies: [
                "Archives", "Checkpoints", "Configuration", "Datasets", "Media", "Tensors", "TestSupport", "Threading",
            ],
            resources: [.copy("Fixtures")]),
        .testTarget(name: "MessagingTests", dependencies: ["Messaging", "Threading"]),
        .testTarget(
            name: "CollectivesTests",
            dependencies: ["Collectives", "Configuration", "Messaging", "Threading", "Tensors"]),
        .testTarget(
            name: "ClusterTests",
            dependencies: [
                "Cluster", "Messaging", "Tensors", "Threading", "TestSupport",
                .product(name: "Logging", package: "swift-log"),
            ]),
        .testTarget(name: "TensorsTests", dependencies: ["Tensors", "Kernels", "Threading", "TestSupport"]),
        .testTarget(
            name: "LayersTests",
            dependencies: ["Layers", "Kernels", "Autograd", "Configuration", "Tensors", "TestSupport"],
            resources: [.copy("Fixtures")]),
        .testTarget(
            name: "OptimizersTests",
            dependencies: ["Optimizers", "Autograd", "Configuration", "Tensors", "TestSupport"],
            resources: [.copy("Fixtures")]),
        .testTarget(
            name: "ModelsTests",
            dependencies: ["Models", "Layers", "Autograd", "Tensors", "Configuration", "TestSupport"],
            resources: [.copy("Fixtures")]),
        .testTarget(
            name: "TrainingTests",
            dependencies: [
                "Training", "Models", "Optimizers", "Collectives", "Cluster", "Autograd", "Datasets", "Checkpoints",
                "Messaging", "Hashing", "Configuration", "Tensors", "Threading",
                .product(name: "Logging", package: "swift-log"),
            ]),
        .testTarget(
            name: "EndToEndTests",
            dependencies: ["convoy", "Checkpoints", "Hashing", "Tensors", "Threading", "TestSupport"]),
    ] + kernelTargets
)

for target in package.targets where [.regular, .executable, .test].contains(target.type) && target.name != "CLinux" {
    target.swiftSettings =
        (target.swiftSettings ?? []) + [
            .swiftLanguageMode(.v6),
            .enableUpcomingFeature("ExistentialAny"),
            .enableUpcomingFeature("MemberImportVisibility"),
            .treatAllWarnings(as: .error),
        ]
}
