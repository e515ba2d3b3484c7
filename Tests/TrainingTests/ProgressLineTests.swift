import Testing
import Training

@Suite("Progress line")
struct ProgressLineTests {
    @Test("says epoch, step, throughput, loss, accuracy and the time that remains")
    func line() {
        var line = ProgressLine(
            epoch: 2, epochs: 10, step: 30, steps: 48, imagesPerSecond: 1207.6, loss: 1.23456, accuracy: 0.5,
            remainingSeconds: 3725.4)
        #expect(
            "\(line)"
                == "epoch 2/10  step 30/48  1208 images/s  loss 1.2346  accuracy 0.5000  remaining 1:02:05")
        #expect(line.fraction == 0.625)
        line.imagesPerSecond = 3.14
        line.remainingSeconds = nil
        line.loss = .nan
        #expect("\(line)" == "epoch 2/10  step 30/48  3.1 images/s  loss nan  accuracy 0.5000  remaining --:--")
        line.steps = 0
        #expect(line.fraction == 30)
    }

    @Test(
        "a time has hours only when it needs them",
        arguments: [
            (0.0, "00:00"), (59.4, "00:59"), (59.6, "01:00"), (3599.4, "59:59"), (3599.6, "1:00:00"), (-3.0, "00:00"),
            (1e12, "99:59:59"), (Double.infinity, "99:59:59"),
        ] as [(Double, String)])
    func clock(seconds: Double, text: String) {
        #expect(ProgressLine.clock(seconds) == text)
    }

    @Test(
        "a number has its decimals, rounded",
        arguments: [
            (0.0, 4, "0.0000"), (0.00004, 4, "0.0000"), (0.99996, 4, "1.0000"), (-1.5, 1, "-1.5"), (-0.04, 1, "0.0"),
            (12.345, 0, "12"), (1e20, 2, "1e+20"), (-Double.infinity, 2, "-inf"),
        ] as [(Double, Int, String)])
    func fixed(value: Double, decimals: Int, text: String) {
        #expect(ProgressLine.fixed(value, decimals) == text)
    }
}
