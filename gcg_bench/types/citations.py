"""BibTeX of works that more than one file of the package implements."""

GLAMM = r"""@inproceedings{rasheed2024glamm,
  title = {GLaMM: Pixel Grounding Large Multimodal Model},
  author = {Rasheed, Hanoona and Maaz, Muhammad and Shaji, Sahal and Shaker, Abdelrahman and
            Khan, Salman and Cholakkal, Hisham and Anwer, Rao M. and Xing, Eric and
            Yang, Ming-Hsuan and Khan, Fahad S.},
  booktitle = {Proceedings of the IEEE/CVF Conference on Computer Vision and Pattern Recognition
               (CVPR)},
  year = {2024}
}"""

COCO = r"""@inproceedings{lin2014microsoft,
  title = {Microsoft {COCO}: Common Objects in Context},
  author = {Lin, Tsung-Yi and Maire, Michael and Belongie, Serge and Hays, James and
            Perona, Pietro and Ramanan, Deva and Doll{\'a}r, Piotr and Zitnick, C. Lawrence},
  booktitle = {European Conference on Computer Vision (ECCV)},
  pages = {740--755},
  year = {2014}
}"""

LISA = r"""@inproceedings{lai2024lisa,
  title = {{LISA}: Reasoning Segmentation via Large Language Model},
  author = {Lai, Xin and Tian, Zhuotao and Chen, Yukang and Li, Yanwei and Yuan, Yuhui and
            Liu, Shu and Jia, Jiaya},
  booktitle = {Proceedings of the IEEE/CVF Conference on Computer Vision and Pattern Recognition
               (CVPR)},
  year = {2024}
}"""

RELA = r"""@inproceedings{liu2023gres,
  title = {{GRES}: Generalized Referring Expression Segmentation},
  author = {Liu, Chang and Ding, Henghui and Jiang, Xudong},
  booktitle = {Proceedings of the IEEE/CVF Conference on Computer Vision and Pattern Recognition
               (CVPR)},
  year = {2023}
}"""
