/// Three convolutions whose dilation doubles, so that the last one sees far without losing resolution.
enum DilatedCNN: ModelDefinition {
    static let name = "dilated_cnn"

    @NetworkBuilder static var layers: [LayerDescription] {
        Conv2d(out: 16, kernel: 3, padding: 1)
        ReLU()
        Conv2d(out: 32, kernel: 3, padding: 2, dilation: 2)
        ReLU()
        Conv2d(out: 32, kernel: 3, padding: 4, dilation: 4)
        ReLU()
        AdaptiveAvgPool2d(out: 4)
        Flatten()
        Linear(out: .classes)
    }
}
