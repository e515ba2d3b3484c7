import Kernels

func sgd(_ p: Destination, _ gradients: Source, _ buffer: Destination, _ count: Int, _ step: SGDStep) {
    let rate = step.learningRate
    let decay = step.weightDecay
    let scale = step.gradientScale
    let momentum = step.momentum
    if momentum == 0 {
        for i in 0..<count { p[i] -= rate * (gradients[i] * scale + decay * p[i]) }
        return
    }
    let kept = step.isFirst ? 0 : momentum
    let taken = step.isFirst ? 1 : 1 - step.dampening
    if step.nesterov {
        for i in 0..<count {
            let g = gradients[i] * scale + decay * p[i]
            let b = kept * buffer[i] + taken * g
            buffer[i] = b
            p[i] -= rate * (g + momentum * b)
        }
    } else {
        for i in 0..<count {
            let b = kept * buffer[i] + taken * (gradients[i] * scale + decay * p[i])
            buffer[i] = b
            p[i] -= rate * b
        }
    }
}
