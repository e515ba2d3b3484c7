/// Three convolutions over frames, rows and columns at once, two of them with pooling.
///
/// - Source: Tran and others 2015, "Learning spatiotemporal features with 3D convolutional networks", made smaller.
enum C3D: ModelDefinition {
    static let name = "c3d"

    @NetworkBuilder static var layers: [LayerDescription] {
        Sequential {
            Conv3d(out: 16, kernel: 3, padding: 1)
            ReLU()
            MaxPool3d(kernel: [1, 2, 2])
            Conv3d(out: 32, kernel: 3, padding: 1)
            ReLU()
            MaxPool3d(kernel: 2)
            Conv3d(out: 64, kernel: 3, padding: 1)
            ReLU()
            AdaptiveAvgPool3d(out: 1)
            Flatten()
            Linear(out: .classes)
        }.named("f")
    }
}
