import Kernels

func softmax(_ x: Source, _ y: Destination, _ rows: Int, _ channels: Int) {
    for row in 0..<rows {
        let (values, target) = (x + row &* channels, y + row &* channels)
        var largest = -Float.infinity
        for c in 0..<channels { largest = values[c] > largest ? values[c] : largest }
        forEachVector(channels) { offset, lanes in
            write(exponential(read(values + offset, lanes) - largest), target + offset, lanes)
        }
        var total: Float = 0
        for c in 0..<channels { total += target[c] }
        let share = 1 / total
        for c in 0..<channels { target[c] *= share }
    }
}

func softmaxGradient(_ y: Source, _ dy: Source, _ dx: Destination, _ rows: Int, _ channels: Int, _ adds: Bool) {
    for row in 0..<rows {
        let (values, gradients, target) = (y + row &* channels, dy + row &* channels, dx + row &* channels)
        var sum: Float = 0
        for c in 0..<channels { sum += values[c] * gradients[c] }
        for c in 0..<channels {
            let gradient = values[c] * (gradients[c] - sum)
            target[c] = adds ? target[c] + gradient : gradient
        }
    }
}
