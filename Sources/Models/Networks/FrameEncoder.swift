/// What turns each frame of a clip into 128 features: two convolutions with pooling and a linear layer.
enum FrameEncoder {
    static let layers = Frames {
        Sequential {
            Conv2d(out: 16, kernel: 3, padding: 1)
            ReLU()
            MaxPool2d(kernel: 2)
            Conv2d(out: 32, kernel: 3, padding: 1)
            ReLU()
            MaxPool2d(kernel: 2)
        }.named("conv")
        Flatten().named("flatten")
        Linear(out: 128).named("fc")
        ReLU().named("relu")
    }
}
